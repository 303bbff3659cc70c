#include "agent/workload/metrics_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <string_view>
#include <utility>

#include "agent/workload/metrics_text.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::workload {
namespace {

constexpr size_t kMostHeaderBytes = 64 << 10;

struct Transfer {
  MetricsAnswer answer;
  size_t header_bytes = 0;
  bool too_large = false;

  static size_t Receive(char* data, size_t size, size_t count, void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    const size_t bytes = size * count;
    if (bytes > kMostAnswerBytes - transfer->answer.body.size()) {
      transfer->too_large = true;
      return 0;
    }
    transfer->answer.body.append(data, bytes);
    return bytes;
  }
  static size_t ReceiveHeader(char*, size_t size, size_t count, void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    const size_t bytes = size * count;
    transfer->header_bytes += bytes;
    if (transfer->header_bytes <= kMostHeaderBytes) return bytes;
    transfer->too_large = true;
    return 0;
  }
};

int StopWhenAsked(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

// "http://[fd00::1]:8000/metrics"
absl::StatusOr<std::string> UrlOf(const std::string& address, int port,
                                  const std::string& path) {
  in_addr four{};
  in6_addr six{};
  const bool is_six = ::inet_pton(AF_INET6, address.c_str(), &six) == 1;
  if (!is_six && ::inet_pton(AF_INET, address.c_str(), &four) != 1) {
    return absl::InvalidArgumentError("no address to ask for metrics");
  }
  return "http://" + (is_six ? "[" + address + "]" : address) + ":" +
         std::to_string(port) + path;
}

absl::Status StatusOfCode(const std::string& url, long code) {
  if (code == 200) return absl::OkStatus();
  std::string text = "GET " + url + ": HTTP " + std::to_string(code);
  if (code >= 300 && code < 400) text += " (redirects are not followed)";
  return absl::UnavailableError(text);
}

}  // namespace

struct MetricsClient::Handle {
  CURL* curl = curl_easy_init();
  curl_slist* headers = curl_slist_append(
      nullptr, (std::string("Accept: ") + kMetricsAccept).c_str());
  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
  }
};

MetricsClient::MetricsClient(const std::atomic<bool>* stop, int64_t timeout_ns)
    : stop_(stop),
      timeout_ns_(timeout_ns),
      handle_(std::make_unique<Handle>()) {}

MetricsClient::~MetricsClient() = default;

absl::StatusOr<MetricsAnswer> MetricsClient::Get(const std::string& address,
                                                 int port,
                                                 const std::string& path) {
  CURL* curl = handle_->curl;
  if (curl == nullptr) {
    return absl::ResourceExhaustedError("libcurl: no memory for a handle");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string url, UrlOf(address, port, path));
  Transfer transfer;
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_1_1));
  // No connection is kept: it would hold a worker of the service.
  curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "plimsoll-agent");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, handle_->headers);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(timeout_ns_ / 1'000'000));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Transfer::Receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, Transfer::ReceiveHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, StopWhenAsked);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop_);
  const CURLcode done = curl_easy_perform(curl);
  if (transfer.too_large) {
    return absl::OutOfRangeError("GET " + url + ": an answer of over 4 MiB");
  }
  if (done != CURLE_OK) {
    return absl::UnavailableError("GET " + url + ": " +
                                  curl_easy_strerror(done));
  }
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  PLIMSOLL_RETURN_IF_ERROR(StatusOfCode(url, code));
  const char* type = nullptr;
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  if (type != nullptr) transfer.answer.content_type = type;
  return std::move(transfer.answer);
}

}  // namespace plimsoll::workload

#include "agent/kube/api_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <utility>

#include "plimsoll/base/secret_file.h"

namespace plimsoll::kube {
namespace {

// Of one answer, or of one line of a watch. A pod is some 10 kB; a page of the
// list has a hundred.
constexpr size_t kMaxBytes = size_t{32} << 20;
constexpr size_t kMostOfError = 300;
constexpr int64_t kConnectTimeoutMs = 10'000;

int StopWhenAsked(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

absl::Status StatusOfCode(const std::string& what, long code,
                          std::string answer) {
  if (code == 200) return absl::OkStatus();
  answer.resize(std::min(answer.size(), kMostOfError));
  for (char& c : answer) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  const std::string text = what + ": HTTP " + std::to_string(code) +
                           (answer.empty() ? "" : " " + answer);
  if (code == 401 || code == 403) return absl::PermissionDeniedError(text);
  if (code == 404) return absl::NotFoundError(text);
  if (code == 410) return absl::OutOfRangeError(text);
  return absl::UnavailableError(text);
}

}  // namespace

struct ApiClient::Handle {
  CURL* curl = curl_easy_init();
  ~Handle() { curl_easy_cleanup(curl); }
};

struct ApiClient::Transfer {
  CURL* curl = nullptr;
  std::function<absl::Status(std::string_view)> on_line;  // empty: keep all
  std::function<void()> on_open;
  std::string text;
  absl::Status error;

  static size_t Receive(char* data, size_t size, size_t count, void* self) {
    const size_t bytes = size * count;
    return static_cast<Transfer*>(self)->Take({data, bytes}) ? bytes : 0;
  }
  // libcurl calls it with each line of the header, the empty one last.
  static size_t ReceiveHeader(char* data, size_t size, size_t count,
                              void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    const std::string_view line(data, size * count);
    if (line == "\r\n" && transfer->Code() == 200 && transfer->on_open) {
      transfer->on_open();
    }
    return line.size();
  }
  long Code() const {
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
  bool Take(std::string_view bytes) {
    if (text.size() + bytes.size() > kMaxBytes) {
      error = absl::UnavailableError("an answer of over 32 MiB");
      return false;
    }
    text.append(bytes);
    if (!on_line || Code() != 200) return true;
    size_t begin = 0;
    for (size_t end = text.find('\n'); end != std::string::npos;
         end = text.find('\n', begin)) {
      error = on_line(std::string_view(text).substr(begin, end - begin));
      if (!error.ok()) return false;
      begin = end + 1;
    }
    text.erase(0, begin);
    return true;
  }
};

ApiClient::ApiClient(ApiAddress address, const std::atomic<bool>* stop)
    : address_(std::move(address)),
      stop_(stop),
      handle_(std::make_unique<Handle>()) {}

ApiClient::~ApiClient() = default;

absl::Status ApiClient::Perform(const std::string& path, int64_t timeout_ns,
                                Transfer& transfer) {
  CURL* curl = handle_->curl;
  if (curl == nullptr) {
    return absl::ResourceExhaustedError("libcurl: no memory for a handle");
  }
  transfer.curl = curl;
  const std::string url = address_.url + path;
  curl_easy_reset(curl);  // keeps connections
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "plimsoll-agent");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(kConnectTimeoutMs));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(timeout_ns / 1'000'000));
  if (!address_.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, address_.ca_file.c_str());
  }
  if (!address_.token_file.empty()) {
    auto token = ReadSecretFile(address_.token_file);
    if (!token.ok()) return token.status();
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH,
                     static_cast<long>(CURLAUTH_BEARER));
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token->c_str());
  }
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Transfer::Receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, Transfer::ReceiveHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, StopWhenAsked);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop_);
  const CURLcode done = curl_easy_perform(curl);
  if (!transfer.error.ok()) return transfer.error;
  if (done != CURLE_OK) {
    return absl::UnavailableError("GET " + url + ": " +
                                  curl_easy_strerror(done));
  }
  return StatusOfCode("GET " + url, transfer.Code(), transfer.text);
}

absl::StatusOr<std::string> ApiClient::Get(const std::string& path,
                                           int64_t timeout_ns) {
  Transfer transfer;
  if (absl::Status status = Perform(path, timeout_ns, transfer); !status.ok()) {
    return status;
  }
  return std::move(transfer.text);
}

absl::Status ApiClient::Stream(
    const std::string& path, int64_t timeout_ns, std::function<void()> on_open,
    std::function<absl::Status(std::string_view)> on_line) {
  Transfer transfer;
  transfer.on_open = std::move(on_open);
  transfer.on_line = std::move(on_line);
  return Perform(path, timeout_ns, transfer);
}

}  // namespace plimsoll::kube

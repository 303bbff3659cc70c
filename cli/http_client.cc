#include "cli/http_client.h"

#include <curl/curl.h>

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::cli {
namespace {

constexpr size_t kMaxBodyBytes = 64 << 20;
constexpr long kConnectTimeoutMs = 5000;
constexpr long kTotalTimeoutMs = 30000;
constexpr size_t kShownBodyBytes = 200;

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

size_t Append(char* data, size_t size, size_t count, void* target) {
  auto* body = static_cast<std::string*>(target);
  if (body->size() + size * count > kMaxBodyBytes) return 0;  // ends it
  body->append(data, size * count);
  return size * count;
}

absl::Status TransferError(CURLcode code, const std::string& url,
                           const HttpPeer& peer) {
  const std::string reason = curl_easy_strerror(code);
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", url, "\" is not the address of ", peer.who, ": ", reason));
  }
  return absl::UnavailableError(absl::StrCat(
      peer.who, " at ", url, " does not answer: ", reason, peer.remedy));
}

absl::Status HttpError(long code, const std::string& url,
                       const std::string& body, const HttpPeer& peer) {
  const std::string message =
      absl::StrCat(peer.who, " at ", url, " answered HTTP ", code, ": ",
                   body.substr(0, kShownBodyBytes));
  return absl::InternalError(message);
}

}  // namespace

absl::StatusOr<std::string> HttpGet(const std::string& url,
                                    const std::string& path,
                                    const HttpPeer& peer) {
  const std::unique_ptr<CURL, EasyDeleter> curl(curl_easy_init());
  if (curl == nullptr) return absl::InternalError("libcurl did not start");
  std::string base = url;
  while (!base.empty() && base.back() == '/') base.pop_back();
  const std::string address = base + path;
  std::string body;
  curl_easy_setopt(curl.get(), CURLOPT_URL, address.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTotalTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return TransferError(code, url, peer);
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return HttpError(status, url, body, peer);
  return body;
}

}  // namespace plimsoll::cli

#include "cli/session/http_client.h"

#include <curl/curl.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "plimsoll/base/secret_file.h"

namespace plimsoll::cli {
namespace {

constexpr size_t kMaxBodyBytes = 64 << 20;
constexpr long kConnectTimeoutMs = 5000;
constexpr long kTotalTimeoutMs = 30000;
constexpr size_t kShownBodyBytes = 200;
constexpr size_t kShownWords = 1000;

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

// The words of {"error": words}, or "".
std::string ErrorWords(const std::string& body) {
  const auto document = nlohmann::json::parse(body, nullptr, false);
  if (!document.is_object()) return "";
  const auto error = document.find("error");
  return error != document.end() && error->is_string()
             ? error->get<std::string>()
             : "";
}

absl::Status HttpError(long code, const std::string& url,
                       const std::string& body, const HttpPeer& peer) {
  // What was asked for is wrong, in the words of the other side.
  const std::string words = ErrorWords(body);
  if ((code == 400 || code == 404) && !words.empty()) {
    return absl::InvalidArgumentError(words.substr(0, kShownWords));
  }
  const std::string_view said =
      std::string_view(body).substr(0, kShownBodyBytes);
  const std::string message = absl::StrCat(
      peer.who, " at ", url, " answered HTTP ", code, ": ",
      std::string(said.substr(0, said.find_last_not_of("\r\n") + 1)));
  if (code == 401 || code == 403) {
    return absl::FailedPreconditionError(absl::StrCat(
        message,
        peer.token_file.empty()
            ? "; show it one with --token-file FILE, or in "
              "PLIMSOLL_TOKEN_FILE"
            : absl::StrCat("; it does not take the one in ", peer.token_file)));
  }
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
  if (!peer.token_file.empty()) {
    const auto token = ReadSecretFile(peer.token_file);
    if (!token.ok()) {
      return absl::FailedPreconditionError(token.status().message());
    }
    curl_easy_setopt(curl.get(), CURLOPT_HTTPAUTH,
                     static_cast<long>(CURLAUTH_BEARER));
    curl_easy_setopt(curl.get(), CURLOPT_XOAUTH2_BEARER, token->c_str());
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return TransferError(code, url, peer);
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return HttpError(status, url, body, peer);
  return body;
}

std::string UrlEncoded(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        absl::ascii_isalnum(byte) ||
        std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c)
                 : std::string{'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

}  // namespace plimsoll::cli

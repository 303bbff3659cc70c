#include "collector/net/http_exchange.h"

#include <curl/curl.h>

#include <algorithm>
#include <utility>

namespace plimsoll::collector::net {
namespace {

constexpr size_t kMostOfMessage = 300;
constexpr int64_t kLongestRetryAfterS = 3600;

struct Body {
  std::string text;
  size_t most = 0;
  bool cut = false;  // keep the beginning, or fail
};

size_t Append(char* data, size_t size, size_t count, void* out) {
  auto* body = static_cast<Body*>(out);
  const size_t bytes = size * count;
  const size_t room = body->most - std::min(body->most, body->text.size());
  if (bytes > room && !body->cut) return 0;  // ends the transfer
  body->text.append(data, std::min(bytes, room));
  return bytes;
}

int StopWhenAsked(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text;
}

}  // namespace

struct HttpExchange::Handle {
  CURL* curl = curl_easy_init();
  curl_slist* headers =
      curl_slist_append(nullptr, "Content-Type: application/json");
  Body body;
  ~Handle() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
  }
};

HttpExchange::HttpExchange(int64_t timeout_ns, const std::atomic<bool>* stop)
    : timeout_ns_(timeout_ns),
      stop_(stop),
      handle_(std::make_unique<Handle>()) {}

HttpExchange::~HttpExchange() = default;

absl::StatusOr<HttpAnswer> HttpExchange::Get(const std::string& url,
                                             const std::string& shown,
                                             size_t most_bytes) {
  if (handle_->curl != nullptr) {
    curl_easy_reset(handle_->curl);
    if (!bearer_.empty()) {
      curl_easy_setopt(handle_->curl, CURLOPT_HTTPAUTH,
                       static_cast<long>(CURLAUTH_BEARER));
      curl_easy_setopt(handle_->curl, CURLOPT_XOAUTH2_BEARER, bearer_.c_str());
    }
  }
  handle_->body = {.text = "", .most = most_bytes, .cut = false};
  return Perform(url, "GET " + shown);
}

absl::StatusOr<HttpAnswer> HttpExchange::PostJson(const std::string& url,
                                                  const std::string& shown,
                                                  const std::string& body) {
  CURL* curl = handle_->curl;
  if (curl != nullptr) {
    curl_easy_reset(curl);  // keeps connections
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, handle_->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(body.size()));
  }
  handle_->body = {.text = "", .most = kMostOfMessage, .cut = true};
  return Perform(url, "POST " + shown);
}

absl::StatusOr<HttpAnswer> HttpExchange::Perform(const std::string& url,
                                                 const std::string& shown) {
  CURL* curl = handle_->curl;
  if (curl == nullptr || handle_->headers == nullptr) {
    return absl::ResourceExhaustedError("libcurl: no memory for a handle");
  }
  const long timeout_ms = static_cast<long>(timeout_ns_ / 1'000'000);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "plimsoll-collector");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &handle_->body);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, StopWhenAsked);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA,
                   const_cast<std::atomic<bool>*>(stop_));
  const CURLcode result = curl_easy_perform(curl);
  const std::string why = shown + ": " + curl_easy_strerror(result);
  if (result == CURLE_WRITE_ERROR) {
    return absl::ResourceExhaustedError(shown + ": the answer is too long");
  }
  if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL) {
    return absl::InvalidArgumentError(why);
  }
  if (result != CURLE_OK) return absl::UnavailableError(why);
  HttpAnswer answer;
  answer.body = std::move(handle_->body.text);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.code);
  curl_off_t retry_after_s = 0;  // libcurl has parsed seconds or a date
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
  answer.retry_after_ns =
      std::clamp<int64_t>(retry_after_s, 0, kLongestRetryAfterS) *
      1'000'000'000;
  return answer;
}

absl::Status StatusOfAnswer(const std::string& shown,
                            const HttpAnswer& answer) {
  const long code = answer.code;
  if (code >= 200 && code < 300) return absl::OkStatus();
  const std::string text = OneLine(answer.body.substr(0, kMostOfMessage));
  const std::string what = shown + ": HTTP " + std::to_string(code) +
                           (text.empty() ? "" : " " + text);
  const bool rejected = code >= 400 && code < 500 && code != 408 && code != 429;
  return rejected ? absl::InvalidArgumentError(what)
                  : absl::UnavailableError(what);
}

std::string ShownUrl(const std::string& url) {
  std::string shown = url.substr(0, url.find_first_of("?#"));
  const size_t scheme = shown.find("://");
  const size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t end = shown.find('/', begin);
  const size_t at = shown.substr(0, end).rfind('@');
  if (at != std::string::npos && at >= begin) {
    shown.erase(begin, at + 1 - begin);
  }
  return shown;
}

}  // namespace plimsoll::collector::net

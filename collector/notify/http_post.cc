#include "collector/notify/http_post.h"

#include <curl/curl.h>

#include <algorithm>
#include <utility>

namespace plimsoll::collector::notify {
namespace {

constexpr size_t kMostOfAnswer = 300;

size_t KeepBeginning(char* data, size_t size, size_t count, void* out) {
  auto* text = static_cast<std::string*>(out);
  const size_t bytes = size * count;
  const size_t room = kMostOfAnswer - std::min(kMostOfAnswer, text->size());
  text->append(data, std::min(bytes, room));
  return bytes;
}

int StopWhenAsked(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

absl::Status StatusOfAnswer(const std::string& url, long code,
                            std::string answer) {
  if (code >= 200 && code < 300) return absl::OkStatus();
  for (char& c : answer) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  const std::string what = "POST " + url + ": HTTP " + std::to_string(code) +
                           (answer.empty() ? "" : " " + answer);
  const bool rejected = code >= 400 && code < 500 && code != 408 && code != 429;
  return rejected ? absl::InvalidArgumentError(what)
                  : absl::UnavailableError(what);
}

}  // namespace

struct HttpPost::Handle {
  CURL* curl = curl_easy_init();
  curl_slist* headers =
      curl_slist_append(nullptr, "Content-Type: application/json");
  ~Handle() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
  }
};

HttpPost::HttpPost(std::string url, int64_t timeout_ns,
                   const std::atomic<bool>* stop)
    : url_(std::move(url)),
      timeout_ns_(timeout_ns),
      stop_(stop),
      handle_(std::make_unique<Handle>()) {}

HttpPost::~HttpPost() = default;

absl::Status HttpPost::Send(const std::string& body) {
  CURL* curl = handle_->curl;
  if (curl == nullptr || handle_->headers == nullptr) {
    return absl::ResourceExhaustedError("libcurl: no memory for a handle");
  }
  std::string answer;
  const long timeout_ms = static_cast<long>(timeout_ns_ / 1'000'000);
  curl_easy_reset(curl);  // keeps connections
  curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "plimsoll-collector");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, handle_->headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, KeepBeginning);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, StopWhenAsked);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA,
                   const_cast<std::atomic<bool>*>(stop_));
  const CURLcode result = curl_easy_perform(curl);
  if (result != CURLE_OK) {
    return absl::UnavailableError("POST " + url_ + ": " +
                                  curl_easy_strerror(result));
  }
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  return StatusOfAnswer(url_, code, std::move(answer));
}

}  // namespace plimsoll::collector::notify

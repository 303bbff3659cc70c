#include "collector/auth/api_post.h"

#include <curl/curl.h>

#include <utility>

#include "plimsoll/base/secret_file.h"

namespace plimsoll::collector::auth {
namespace {

constexpr size_t kMaxAnswerBytes = 1 << 20;

size_t Receive(char* data, size_t size, size_t count, void* out) {
  auto* text = static_cast<std::string*>(out);
  const size_t bytes = size * count;
  if (text->size() + bytes > kMaxAnswerBytes) return 0;  // ends it
  text->append(data, bytes);
  return bytes;
}

int StopWhenAsked(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

}  // namespace

struct ApiPost::Handle {
  CURL* curl = curl_easy_init();
  curl_slist* headers =
      curl_slist_append(nullptr, "Content-Type: application/json");
  ~Handle() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
  }
};

ApiPost::ApiPost(ApiServer server, const std::atomic<bool>* stop)
    : server_(std::move(server)),
      stop_(stop),
      handle_(std::make_unique<Handle>()) {}
ApiPost::~ApiPost() = default;

absl::StatusOr<std::string> ApiPost::Send(const std::string& path,
                                          const std::string& body) {
  CURL* curl = handle_->curl;
  if (curl == nullptr || handle_->headers == nullptr) {
    return absl::UnavailableError("libcurl: no memory for a handle");
  }
  const std::string url = server_.url + path;
  const long timeout_ms = static_cast<long>(server_.timeout_ns / 1'000'000);
  std::string answer;
  curl_easy_reset(curl);  // keeps connections
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "plimsoll-collector");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, handle_->headers);
  if (!server_.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, server_.ca_file.c_str());
  }
  if (!server_.token_file.empty()) {
    auto token = ReadSecretFile(server_.token_file);
    if (!token.ok()) return absl::UnavailableError(token.status().message());
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH,
                     static_cast<long>(CURLAUTH_BEARER));
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token->c_str());
  }
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, StopWhenAsked);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA,
                   const_cast<std::atomic<bool>*>(stop_));
  const CURLcode done = curl_easy_perform(curl);
  if (done != CURLE_OK) {
    return absl::UnavailableError("POST " + url + ": " +
                                  curl_easy_strerror(done));
  }
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  if (code == 200 || code == 201) return answer;
  std::string text = "POST " + url + ": HTTP " + std::to_string(code);
  if (code == 401 || code == 403) {
    text +=
        "; the collector may not review tokens: its service account needs "
        "create on tokenreviews (ClusterRole system:auth-delegator)";
  }
  return absl::UnavailableError(text);
}

}  // namespace plimsoll::collector::auth

#include "collector/notify/silence_watch.h"

#include <curl/curl.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "collector/net/http_exchange.h"

namespace plimsoll::collector::notify {
namespace {

constexpr size_t kMostBytes = 8 << 20;

}  // namespace

SilenceWatch::SilenceWatch(SilenceWatchOptions options)
    : options_(std::move(options)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  for (const std::string& url : options_.urls) {
    replicas_.emplace_back().status.url = net::ShownUrl(url);
  }
  thread_ = std::thread([this] { Run(); });
}

SilenceWatch::~SilenceWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SilenceWatch::Run() {
  net::HttpExchange http(options_.request_timeout_ns, &stopping_);
  while (!stopping_) {
    for (size_t i = 0; i < options_.urls.size() && !stopping_; ++i) {
      Look(i, http);
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::nanoseconds(options_.period_ns),
                      [this] { return stopping_.load(); });
  }
}

void SilenceWatch::Look(size_t index, net::HttpExchange& http) {
  std::string url = options_.urls[index];
  while (!url.empty() && url.back() == '/') url.pop_back();
  url += "/api/v2/silences";
  absl::StatusOr<Silences> found = absl::UnknownError("");
  auto answer = http.Get(url, net::ShownUrl(url), kMostBytes);
  if (!answer.ok()) {
    found = answer.status();
  } else if (answer->code != 200) {
    const absl::Status status =
        net::StatusOfAnswer("GET " + net::ShownUrl(url), *answer);
    found = status.ok()
                ? absl::UnavailableError("HTTP " + std::to_string(answer->code))
                : status;
  } else {
    found = ParseSilences(answer->body);
  }
  const std::lock_guard lock(mutex_);
  Replica& replica = replicas_[index];
  replica.looked = true;
  if (found.ok()) {
    ++replica.status.reads;
    replica.status.silences = static_cast<int64_t>(found->active.size());
    replica.status.unreadable = found->unreadable;
    replica.status.last_error.clear();
    replica.silences = std::move(found->active);
  } else {
    ++replica.status.failures;
    const bool first = replica.status.last_error.empty();
    replica.status.last_error = std::string(found.status().message());
    if (first && !stopping_) {
      spdlog::warn("silences cannot be read error=\"{}\"",
                   replica.status.last_error);
    }
  }
  changed_.notify_all();
}

std::optional<Silence> SilenceWatch::Silencing(
    const std::map<std::string, std::string>& labels, int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  std::optional<Silence> last;
  for (const Replica& replica : replicas_) {
    auto one = notify::Silencing(replica.silences, labels, now_ns);
    if (one && (!last || one->ends_at_ns > last->ends_at_ns)) {
      last = std::move(one);
    }
  }
  return last;
}

void SilenceWatch::AwaitFirstLook(int64_t at_most_ns) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::nanoseconds(at_most_ns), [this] {
    return std::all_of(replicas_.begin(), replicas_.end(),
                       [](const Replica& r) { return r.looked; });
  });
}

std::vector<SilenceSourceStatus> SilenceWatch::Status() const {
  const std::lock_guard lock(mutex_);
  std::vector<SilenceSourceStatus> all;
  for (const Replica& replica : replicas_) all.push_back(replica.status);
  return all;
}

}  // namespace plimsoll::collector::notify

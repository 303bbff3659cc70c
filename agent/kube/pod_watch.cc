#include "agent/kube/pod_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "agent/kube/api_text.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::kube {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kGetTimeoutNs = 30 * kNsPerSecond;
// A server that says it has a next page for ever.
constexpr int kMaxPages = 1000;
constexpr int kPageSize = 100;

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                       c == '_' || c == '~';
    if (plain) {
      escaped.push_back(c);
      continue;
    }
    escaped.push_back('%');
    escaped.push_back("0123456789ABCDEF"[code >> 4]);
    escaped.push_back("0123456789ABCDEF"[code & 15]);
  }
  return escaped;
}

std::string PodsOf(const std::string& node) {
  return "/api/v1/pods?fieldSelector=" + Escape("spec.nodeName=" + node);
}

}  // namespace

PodWatch::PodWatch(PodWatchOptions options, PodCache* cache)
    : options_(std::move(options)),
      cache_(cache),
      client_(options_.api, &stop_),
      random_(static_cast<uint32_t>(options_.random_seed)),
      wait_ns_(options_.first_wait_ns),
      thread_([this] { Run(); }) {}

PodWatch::~PodWatch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  thread_.join();
}

PodWatchStats PodWatch::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void PodWatch::Run() {
  while (!stop_) {
    const bool listing = resource_version_.empty();
    const absl::Status status = listing ? List() : Watch();
    if (stop_) return;
    if (status.ok()) {
      wait_ns_ = options_.first_wait_ns;
      if (listing) continue;
    } else if (absl::IsOutOfRange(status)) {
      // What the server still remembers begins later than what is known here.
      resource_version_.clear();
    } else {
      Tell(status);
    }
    // After a watch that ended well too: a server that ends each at once must
    // not be asked without a pause, and what happens meanwhile is not lost.
    Rest();
  }
}

absl::Status PodWatch::List() {
  std::vector<PodRecord> pods;
  std::string next;
  std::string version;
  for (int page = 0; page < kMaxPages; ++page) {
    std::string path =
        PodsOf(options_.node) + "&limit=" + std::to_string(kPageSize);
    if (!next.empty()) path += "&continue=" + Escape(next);
    PLIMSOLL_ASSIGN_OR_RETURN(const std::string text,
                              client_.Get(path, kGetTimeoutNs));
    PLIMSOLL_ASSIGN_OR_RETURN(PodPage parsed, ParsePodPage(text));
    std::move(parsed.pods.begin(), parsed.pods.end(), std::back_inserter(pods));
    version = std::move(parsed.resource_version);
    next = std::move(parsed.next);
    if (next.empty()) break;
  }
  if (version.empty()) {
    return absl::UnavailableError("a list of pods without a resourceVersion");
  }
  resource_version_ = std::move(version);
  cache_->Replace(std::move(pods));
  {
    const std::lock_guard lock(mutex_);
    ++stats_.lists;
  }
  ReadNode();
  Tell(absl::OkStatus());
  return absl::OkStatus();
}

// The labels of the node matter less than its pods: without the right to read
// them, region and zone stay as they are configured.
void PodWatch::ReadNode() {
  auto text =
      client_.Get("/api/v1/nodes/" + Escape(options_.node), kGetTimeoutNs);
  if (!text.ok()) return;
  if (auto labels = ParseNode(*text); labels.ok()) {
    cache_->SetNode(labels->region, labels->zone);
  }
}

absl::Status PodWatch::Watch() {
  // Not all agents of a cluster come back in the same second.
  const int64_t least = options_.watch_ns / 2;
  std::uniform_int_distribution<int64_t> length(least, options_.watch_ns);
  const int64_t watch_ns = length(random_);
  const std::string path =
      PodsOf(options_.node) + "&watch=1&allowWatchBookmarks=true" +
      "&resourceVersion=" + Escape(resource_version_) + "&timeoutSeconds=" +
      std::to_string(std::max<int64_t>(1, watch_ns / kNsPerSecond));
  PLIMSOLL_RETURN_IF_ERROR(client_.Stream(
      path, watch_ns + kGetTimeoutNs, [this] { Tell(absl::OkStatus()); },
      [this](std::string_view line) { return Take(line); }));
  Tell(absl::OkStatus());
  return absl::OkStatus();
}

absl::Status PodWatch::Take(std::string_view line) {
  Tell(absl::OkStatus());
  wait_ns_ = options_.first_wait_ns;
  auto event = ParsePodEvent(line);
  if (absl::IsInvalidArgument(event.status())) {
    const std::lock_guard lock(mutex_);
    ++stats_.bad_events;
    return absl::OkStatus();
  }
  PLIMSOLL_RETURN_IF_ERROR(event.status());
  if (event->kind == PodEvent::Kind::kPut) {
    cache_->Put(std::move(event->pod));
  } else if (event->kind == PodEvent::Kind::kRemove) {
    cache_->Remove(event->pod.uid);
  }
  if (!event->resource_version.empty()) {
    resource_version_ = std::move(event->resource_version);
  }
  const std::lock_guard lock(mutex_);
  ++stats_.events;
  return absl::OkStatus();
}

void PodWatch::Tell(const absl::Status& status) {
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    changed = !told_ || stats_.connected != status.ok();
    stats_.connected = status.ok();
    if (!status.ok()) ++stats_.failures;
  }
  told_ = true;
  if (changed && options_.on_change) options_.on_change(status);
}

void PodWatch::Rest() {
  std::uniform_int_distribution<int64_t> wait(wait_ns_ / 2, wait_ns_);
  const auto rest = std::chrono::nanoseconds(wait(random_));
  wait_ns_ = std::min(2 * wait_ns_, options_.most_wait_ns);
  std::unique_lock lock(mutex_);
  stopping_.wait_for(lock, rest, [this] { return stop_.load(); });
}

}  // namespace plimsoll::kube

#include "collector/notify/notifiers.h"

#include <curl/curl.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "collector/notify/delivery.h"
#include "collector/notify/http_post.h"
#include "collector/notify/payload.h"

namespace plimsoll::collector::notify {
namespace {

// A target and its thread. Notify puts, the thread takes; the lock is never
// held while a request is in flight.
class TargetSender {
 public:
  TargetSender(DeliveryStyle style, const std::string& url,
               const NotifierOptions& options, const UnixClock& clock,
               LossCounter* losses)
      : style_(style),
        options_(options),
        clock_(clock),
        losses_(losses),
        delivery_(style, options),
        post_(url, options.request_timeout_ns, &stopping_) {
    status_.url = url;
    thread_ = std::thread([this] { Run(); });
  }
  ~TargetSender() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void Notify(const Notification& notification) {
    {
      const std::lock_guard lock(mutex_);
      delivery_.Replace(notification, clock_());
    }
    changed_.notify_all();
  }
  bool Delivered(const std::string& incident_id) const {
    const std::lock_guard lock(mutex_);
    return delivery_.Delivered(incident_id);
  }
  TargetStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      std::vector<Notification> due = delivery_.Due(clock_());
      if (due.empty()) {
        changed_.wait_for(lock, std::chrono::nanoseconds(options_.poll_ns));
        continue;
      }
      // A webhook message carries one incident.
      if (style_ == DeliveryStyle::kWebhook) due.resize(1);
      lock.unlock();
      const absl::Status sent =
          post_.Send(style_ == DeliveryStyle::kWebhook
                         ? WebhookBody(due[0])
                         : AlertmanagerBody(due, clock_() + options_.alive_ns));
      lock.lock();
      if (!stopping_) Account(due, sent);
    }
  }

  void Account(const std::vector<Notification>& due, const absl::Status& sent) {
    int given_up = 0;
    if (sent.ok()) {
      ++status_.sent;
      status_.last_error.clear();
      delivery_.Succeeded(due, clock_());
      return;
    }
    ++status_.failed;
    const bool first = status_.last_error.empty();
    status_.last_error = std::string(sent.message());
    given_up = absl::IsInvalidArgument(sent) ? delivery_.Rejected(due, clock_())
                                             : delivery_.Failed(due, clock_());
    if (losses_ != nullptr && given_up > 0) {
      losses_->Count(PLIMSOLL_DROP_NOTIFY_FAILED, given_up);
    }
    // Once until it works again: a dead replica would fill the log.
    if (first || given_up > 0) {
      spdlog::warn("notify url={} given_up={} error=\"{}\"", status_.url,
                   given_up, status_.last_error);
    }
  }

  const DeliveryStyle style_;
  const NotifierOptions options_;
  const UnixClock clock_;
  LossCounter* const losses_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Delivery delivery_;    // guarded by mutex_
  TargetStatus status_;  // guarded by mutex_
  std::atomic<bool> stopping_{false};
  HttpPost post_;  // of the thread
  std::thread thread_;
};

class Fanout : public HttpNotifier {
 public:
  Fanout(DeliveryStyle style, const NotifierOptions& options,
         const UnixClock& clock, LossCounter* losses) {
    for (std::string url : options.urls) {
      if (style == DeliveryStyle::kAlertmanager) {
        while (!url.empty() && url.back() == '/') url.pop_back();
        url += "/api/v2/alerts";
      }
      targets_.push_back(
          std::make_unique<TargetSender>(style, url, options, clock, losses));
    }
  }
  void Notify(const Notification& notification) override {
    for (const auto& target : targets_) target->Notify(notification);
  }
  bool Delivered(const std::string& incident_id) const override {
    return std::all_of(
        targets_.begin(), targets_.end(),
        [&](const auto& target) { return target->Delivered(incident_id); });
  }
  std::vector<TargetStatus> Targets() const override {
    std::vector<TargetStatus> all;
    for (const auto& target : targets_) all.push_back(target->status());
    return all;
  }

 private:
  std::vector<std::unique_ptr<TargetSender>> targets_;
};

std::unique_ptr<HttpNotifier> Make(DeliveryStyle style,
                                   const NotifierOptions& options,
                                   const UnixClock& clock,
                                   LossCounter* losses) {
  // Thread-safe and counted since libcurl 7.84; never undone, as other parts
  // of the process may use it.
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return std::make_unique<Fanout>(style, options, clock, losses);
}

}  // namespace

std::unique_ptr<HttpNotifier> MakeAlertmanagerNotifier(
    const NotifierOptions& options, const UnixClock& clock,
    LossCounter* losses) {
  return Make(DeliveryStyle::kAlertmanager, options, clock, losses);
}

std::unique_ptr<HttpNotifier> MakeWebhookNotifier(
    const NotifierOptions& options, const UnixClock& clock,
    LossCounter* losses) {
  return Make(DeliveryStyle::kWebhook, options, clock, losses);
}

}  // namespace plimsoll::collector::notify

#include "collector/notify/target_sender.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "collector/notify/pagerduty.h"
#include "collector/notify/payload.h"
#include "collector/notify/slack.h"
#include "plimsoll/base/secret_file.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::notify {

TargetSender::TargetSender(DeliveryStyle style, TargetAddress address,
                           const NotifierOptions& options, const Clocks& clocks,
                           LossCounter* losses)
    : style_(style),
      address_(std::move(address)),
      options_(options),
      clocks_(clocks),
      losses_(losses),
      delivery_(style, address_.shown, options),
      not_before_ns_(std::numeric_limits<int64_t>::min()),
      http_(options.request_timeout_ns, &stopping_) {
  status_.target = address_.shown;
  thread_ = std::thread([this] { Run(); });
}

TargetSender::~TargetSender() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TargetSender::Notify(const Notification& notification) {
  {
    const std::lock_guard lock(mutex_);
    delivery_.Replace(notification, clocks_.steady_ns());
  }
  changed_.notify_all();
}

std::vector<Receipt> TargetSender::TakeReceipts() {
  const std::lock_guard lock(mutex_);
  return std::exchange(receipts_, {});
}

TargetStatus TargetSender::Status() const {
  const std::lock_guard lock(mutex_);
  TargetStatus status = status_;
  status.waiting = delivery_.Waiting();
  return status;
}

void TargetSender::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const int64_t now_ns = clocks_.steady_ns();
    std::vector<Notification> due;
    if (now_ns >= not_before_ns_) due = delivery_.Due(now_ns);
    if (due.empty()) {
      changed_.wait_for(lock, std::chrono::nanoseconds(options_.poll_ns));
      continue;
    }
    if (OneAtATime()) due.resize(1);
    lock.unlock();
    int64_t wait_ns = 0;
    const absl::Status sent = Send(due, &wait_ns);
    lock.lock();
    if (stopping_) return;
    const bool gaps =
        style_ == DeliveryStyle::kPagerDuty || style_ == DeliveryStyle::kSlack;
    not_before_ns_ = clocks_.steady_ns() +
                     std::max(wait_ns, gaps ? options_.least_gap_ns : 0);
    Account(due, sent);
  }
}

absl::Status TargetSender::Send(const std::vector<Notification>& due,
                                int64_t* retry_after_ns) {
  std::string url = address_.url, secret, body;
  if (!address_.secret_file.empty()) {
    // A file that is being replaced is there again soon: not a rejection.
    auto read = ReadSecretFile(address_.secret_file);
    if (!read.ok()) return absl::UnavailableError(read.status().message());
    secret = *std::move(read);
  }
  switch (style_) {
    case DeliveryStyle::kAlertmanager:
      body = AlertmanagerBody(due, clocks_.unix_ns() + options_.alive_ns);
      break;
    case DeliveryStyle::kWebhook:
      body = WebhookBody(due[0]);
      break;
    case DeliveryStyle::kPagerDuty:
      body = PagerDutyBody(due[0], secret);
      break;
    case DeliveryStyle::kSlack:
      body = SlackBody(due[0]);
      break;
  }
  if (url.empty()) url = std::move(secret);
  PLIMSOLL_ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                            http_.PostJson(url, address_.shown, body));
  *retry_after_ns = answer.retry_after_ns;
  return net::StatusOfAnswer("POST " + address_.shown, answer);
}

void TargetSender::Account(const std::vector<Notification>& due,
                           const absl::Status& sent) {
  const int64_t now_ns = clocks_.steady_ns();
  if (sent.ok()) {
    ++status_.sent;
    status_.last_error.clear();
    for (const Notification& n : delivery_.Succeeded(due, now_ns)) {
      receipts_.push_back(
          {n.incident_id, {address_.shown, n.Status(), clocks_.unix_ns()}});
    }
    return;
  }
  ++status_.failed;
  const bool first = status_.last_error.empty();
  status_.last_error = std::string(sent.message());
  const int given_up = absl::IsInvalidArgument(sent)
                           ? delivery_.Rejected(due, now_ns)
                           : delivery_.Failed(due, now_ns);
  if (losses_ != nullptr && given_up > 0) {
    losses_->Count(PLIMSOLL_DROP_NOTIFY_FAILED, given_up);
  }
  // Once until it works again: a dead one would fill the log.
  if (first || given_up > 0) {
    spdlog::warn("notify target=\"{}\" given_up={} error=\"{}\"",
                 status_.target, given_up, status_.last_error);
  }
}

}  // namespace plimsoll::collector::notify

// One target of a notifier and its thread. Notify puts, the thread takes; the
// lock is never held while a request is in flight.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_TARGET_SENDER_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_TARGET_SENDER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "collector/net/http_exchange.h"
#include "collector/notify/delivery.h"
#include "collector/notify/notifiers.h"

namespace plimsoll::collector::notify {

struct TargetAddress {
  std::string shown;        // "slack /etc/plimsoll/slack-url"
  std::string url;          // "": it is the secret
  std::string secret_file;  // "": none
};

class TargetSender {
 public:
  TargetSender(DeliveryStyle style, TargetAddress address,
               const NotifierOptions& options, const Clocks& clocks,
               LossCounter* losses);
  ~TargetSender();
  TargetSender(const TargetSender&) = delete;
  TargetSender& operator=(const TargetSender&) = delete;

  void Notify(const Notification& notification);
  std::vector<Receipt> TakeReceipts();
  TargetStatus Status() const;

 private:
  void Run();
  // Over the network, without the lock.
  absl::Status Send(const std::vector<Notification>& due,
                    int64_t* retry_after_ns);
  void Account(const std::vector<Notification>& due, const absl::Status& sent);
  bool OneAtATime() const { return style_ != DeliveryStyle::kAlertmanager; }

  const DeliveryStyle style_;
  const TargetAddress address_;
  const NotifierOptions options_;
  const Clocks clocks_;
  LossCounter* const losses_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Delivery delivery_;              // guarded by mutex_
  TargetStatus status_;            // guarded by mutex_
  std::vector<Receipt> receipts_;  // guarded by mutex_
  int64_t not_before_ns_ = 0;      // guarded by mutex_; steady
  std::atomic<bool> stopping_{false};
  net::HttpExchange http_;  // of the thread
  std::thread thread_;
};

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_TARGET_SENDER_H_

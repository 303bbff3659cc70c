// What is to be said to one target and when: a schedule without threads, clock
// or network, so that every rule of resending has a test. Not thread-safe.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_DELIVERY_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_DELIVERY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collector/core/incident_ports.h"
#include "collector/notify/notifiers.h"

namespace plimsoll::collector::notify {

enum class DeliveryStyle : uint8_t { kAlertmanager, kWebhook };

class Delivery {
 public:
  Delivery(DeliveryStyle style, const NotifierOptions& options);

  void Replace(const Notification& notification, int64_t now_ns);
  // What is due now, by incident id.
  std::vector<Notification> Due(int64_t now_ns) const;

  void Succeeded(const std::vector<Notification>& sent, int64_t now_ns);
  // Retried later, unless it is too late for a resolved one.
  // Returns how many were given up.
  int Failed(const std::vector<Notification>& sent, int64_t now_ns);
  // Rejected: not tried again as it is. Returns how many were given up.
  int Rejected(const std::vector<Notification>& sent, int64_t now_ns);

  bool Delivered(const std::string& incident_id) const;

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Notification notification;
    int64_t due_ns = 0;
    int64_t backoff_ns = 0;
    int64_t delivered_ns = 0;  // last success; 0: never
    bool said_resolved = false;
    bool idle = false;  // nothing to send until it changes
  };
  bool PastResolved(const Entry& entry, int64_t now_ns) const;
  static bool SameStatus(const Notification& a, const Notification& b);

  const DeliveryStyle style_;
  const NotifierOptions options_;
  std::map<std::string, Entry> entries_;
};

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_DELIVERY_H_

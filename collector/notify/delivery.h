// What is to be said to one target and when: a schedule without threads, clock
// or network, so that every rule of resending has a test. Not thread-safe.
// Times are of a clock that does not jump; only its differences matter.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_DELIVERY_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_DELIVERY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collector/core/incident/incident_ports.h"
#include "collector/notify/notifiers.h"

namespace plimsoll::collector::notify {

enum class DeliveryStyle : uint8_t {
  kAlertmanager,  // forgets what is not said again; takes many at once
  kWebhook,       // on firing, on resolve, and when the text has changed
  kPagerDuty,     // pages only; again when what to act on has changed
  kSlack,         // the same, seldom: it cannot be taken back
};

class Delivery {
 public:
  // `target` names it in Notification::told.
  Delivery(DeliveryStyle style, std::string target,
           const NotifierOptions& options);

  void Replace(const Notification& notification, int64_t now_ns);
  // What is due now, by incident id; it is taken to be sent.
  std::vector<Notification> Due(int64_t now_ns);

  // Returns those whose status this target had not accepted before.
  std::vector<Notification> Succeeded(const std::vector<Notification>& sent,
                                      int64_t now_ns);
  // Retried later, unless it is too late for a resolved one.
  // Returns how many were given up.
  int Failed(const std::vector<Notification>& sent, int64_t now_ns);
  // Rejected: a resolved one is not tried again, a firing one seldom (a key may
  // have been mended). Returns how many were given up, each once.
  int Rejected(const std::vector<Notification>& sent, int64_t now_ns);

  // How many it is still to be told of, or has rejected.
  int Waiting() const;

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Notification notification;
    int64_t due_ns = 0;
    int64_t backoff_ns = 0;
    int64_t delivered_ns = 0;  // last success; 0: never
    int64_t resolved_ns = 0;   // since when it is to be said that it ended
    std::string told;          // the status that was accepted; "": none
    bool idle = false;         // nothing to send until it changes
    bool tried = false;        // it may have arrived, whatever came back
    bool rejected = false;
  };
  bool Repeats() const { return style_ == DeliveryStyle::kAlertmanager; }
  int64_t UpdateNs() const;
  bool PastResolved(const Entry& entry, int64_t now_ns) const;
  bool SameWords(const Notification& a, const Notification& b) const;
  bool Held(const Entry& entry) const;

  const DeliveryStyle style_;
  const std::string target_;
  const NotifierOptions options_;
  std::map<std::string, Entry> entries_;
};

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_DELIVERY_H_

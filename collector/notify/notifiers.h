// Notifiers over HTTP (libcurl). Each owns one thread; Notify only replaces
// what is to be said of an incident and wakes it. Failures are retried with
// backoff and counted per target as NOTIFY_FAILED; nothing is ever thrown.
//
//   auto am = MakeAlertmanagerNotifier({.urls = {"http://127.0.0.1:9093"}},
//   clock);
//
// Alertmanager: POST /api/v2/alerts to every replica (they deduplicate), again
// each minute with endsAt = now + 4 min, so that a dead collector's alerts end
// by themselves; a resolved one is sent with its endsAt for 5 min more.
// Webhook: Alertmanager's own payload (version "4"), on change and on resolve.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_NOTIFIERS_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_NOTIFIERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collector/core/incident_ports.h"

namespace plimsoll::collector::notify {

using UnixClock = std::function<int64_t()>;  // unix ns

struct NotifierOptions {
  std::vector<std::string> urls;
  int64_t resend_ns = 60'000'000'000;
  int64_t alive_ns = 240'000'000'000;  // endsAt of a firing alert
  int64_t resolved_for_ns = 300'000'000'000;
  int64_t request_timeout_ns = 5'000'000'000;
  int64_t first_backoff_ns = 1'000'000'000;  // doubles up to resend_ns
};

// One target's record, for /metrics and the board.
struct TargetStatus {
  std::string url;
  int64_t sent = 0;
  int64_t failed = 0;      // NOTIFY_FAILED
  std::string last_error;  // empty after a success
};

class HttpNotifier : public Notifier {
 public:
  virtual std::vector<TargetStatus> Targets() const = 0;
};

std::unique_ptr<HttpNotifier> MakeAlertmanagerNotifier(NotifierOptions options,
                                                       UnixClock clock);
std::unique_ptr<HttpNotifier> MakeWebhookNotifier(NotifierOptions options,
                                                  UnixClock clock);

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_NOTIFIERS_H_

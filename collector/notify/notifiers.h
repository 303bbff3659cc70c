// Notifiers over HTTP (libcurl). One thread a target, so that a slow or dead
// replica delays no other; Notify only replaces what is to be said of an
// incident and wakes them. Nothing is thrown.
//
//   auto am = MakeAlertmanagerNotifier({.urls = {"http://127.0.0.1:9093"}},
//                                      clock, &losses);
//
// Alertmanager: POST URL/api/v2/alerts to every replica (they deduplicate),
// again each minute with endsAt = now + 4 min, so that a dead collector's
// alerts end by themselves; a resolved one is sent with its endsAt for 5 min.
// Source: api/v2/openapi.yaml of Alertmanager, postableAlert.
//
// Webhook: Alertmanager's own payload, version "4" (template.Data and
// notify/webhook.Message): on firing, on resolve, and at most every five
// minutes when the text has changed.
//
// A message that could not be delivered is retried with backoff. It is given
// up, and counted as NOTIFY_FAILED, when the receiver rejects it (4xx), or when
// a resolved one has been tried for resolved_for_ns.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_NOTIFIERS_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_NOTIFIERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collector/core/incident_ports.h"
#include "collector/core/loss_counter.h"

namespace plimsoll::collector::notify {

using UnixClock = std::function<int64_t()>;  // unix ns; called on any thread

struct NotifierOptions {
  std::vector<std::string> urls;  // http or https
  int64_t resend_ns = 60'000'000'000;
  int64_t alive_ns = 240'000'000'000;  // endsAt of a firing alert
  int64_t resolved_for_ns = 300'000'000'000;
  int64_t webhook_update_ns = 300'000'000'000;
  int64_t request_timeout_ns = 5'000'000'000;
  int64_t first_backoff_ns = 1'000'000'000;  // doubles up to resend_ns
  int64_t poll_ns = 250'000'000;             // how often the clock is looked at
};

// One target's record, for /metrics and the board. Counts since start.
struct TargetStatus {
  std::string url;
  int64_t sent = 0;        // requests that were accepted
  int64_t failed = 0;      // requests that were not
  std::string last_error;  // empty after a success
};

class HttpNotifier : public Notifier {
 public:
  virtual std::vector<TargetStatus> Targets() const = 0;
};

// `losses` may be null; it outlives the notifier.
std::unique_ptr<HttpNotifier> MakeAlertmanagerNotifier(
    const NotifierOptions& options, const UnixClock& clock,
    LossCounter* losses = nullptr);
std::unique_ptr<HttpNotifier> MakeWebhookNotifier(
    const NotifierOptions& options, const UnixClock& clock,
    LossCounter* losses = nullptr);

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_NOTIFIERS_H_

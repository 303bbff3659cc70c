// Notifiers over HTTP (libcurl). One thread a target, so that a slow or dead
// one delays no other; Notify only replaces what is to be said of an incident
// and wakes them. Nothing is thrown.
//
//   auto am = MakeAlertmanagerNotifier({.urls = {"http://127.0.0.1:9093"}},
//                                      clocks, &losses);
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
// PagerDuty: Events API v2, pages only: trigger, the same again at most every
// 15 minutes when cause, type or line have changed, and resolve. Slack: an
// incoming webhook: on firing, when a ticket becomes a page, on resolve, and at
// most hourly when cause, type or line have changed.
//
// A message that could not be delivered is retried with backoff, after what
// Retry-After says where that is longer, for as long as its incident fires; its
// end for a day (Alertmanager, which ends it by itself: five minutes). It is
// given up, and counted as NOTIFY_FAILED, when the receiver rejects it (4xx).
// All but Alertmanager, who does it himself, keep quiet about an incident that
// is silenced.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_NOTIFIERS_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_NOTIFIERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collector/core/incident/incident_ports.h"
#include "collector/core/ingest/loss_counter.h"

namespace plimsoll::collector::notify {

using Clock = std::function<int64_t()>;  // ns; called on any thread

struct Clocks {
  Clock unix_ns;    // for what is said
  Clock steady_ns;  // for when: a wall clock that is set must not stop a page
};

constexpr char kPagerDutyUrl[] = "https://events.pagerduty.com/v2/enqueue";

struct NotifierOptions {
  std::vector<std::string> urls;  // http or https; not of those below
  // Of PagerDuty files with a routing key, of Slack with a webhook's URL: one
  // target each; read anew at each use (plimsoll/base/secret_file.h).
  std::vector<std::string> secret_files;
  std::string pagerduty_url = kPagerDutyUrl;

  int64_t resend_ns = 60'000'000'000;
  int64_t alive_ns = 240'000'000'000;  // endsAt of a firing alert
  int64_t resolved_for_ns = 300'000'000'000;
  int64_t resolve_patience_ns = int64_t{86'400} * 1'000'000'000;
  int64_t webhook_update_ns = 300'000'000'000;
  int64_t pager_update_ns = 900'000'000'000;
  int64_t channel_update_ns = 3'600'000'000'000;
  int64_t request_timeout_ns = 5'000'000'000;
  int64_t first_backoff_ns = 1'000'000'000;  // doubles up to resend_ns
  // Slack takes one message a second; nobody reads more.
  int64_t least_gap_ns = 1'000'000'000;  // PagerDuty and Slack
  int64_t poll_ns = 250'000'000;         // how often the clock is looked at
};

class HttpNotifier : public Notifier {
 public:
  virtual std::vector<TargetStatus> Targets() const = 0;
};

// `losses` may be null; it outlives the notifier.
std::unique_ptr<HttpNotifier> MakeAlertmanagerNotifier(
    const NotifierOptions& options, const Clocks& clocks,
    LossCounter* losses = nullptr);
std::unique_ptr<HttpNotifier> MakeWebhookNotifier(
    const NotifierOptions& options, const Clocks& clocks,
    LossCounter* losses = nullptr);
std::unique_ptr<HttpNotifier> MakePagerDutyNotifier(
    const NotifierOptions& options, const Clocks& clocks,
    LossCounter* losses = nullptr);
std::unique_ptr<HttpNotifier> MakeSlackNotifier(const NotifierOptions& options,
                                                const Clocks& clocks,
                                                LossCounter* losses = nullptr);

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_NOTIFIERS_H_

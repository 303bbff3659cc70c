// Bodies of requests, from notifications. Pure.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_PAYLOAD_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_PAYLOAD_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collector/core/incident/incident_ports.h"

namespace plimsoll::collector::notify {

// "2026-11-21T11:47:46.123Z"
std::string FormatRfc3339(int64_t unix_ns);

// An array of postableAlert: firing ones end at firing_ends_ns.
std::string AlertmanagerBody(const std::vector<Notification>& notifications,
                             int64_t firing_ends_ns);

// Alertmanager's webhook message, version "4", with one alert.
std::string WebhookBody(const Notification& notification);

// As prometheus/common's LabelSet.Fingerprint: FNV-1a over the sorted labels.
std::string Fingerprint(const std::map<std::string, std::string>& labels);

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_PAYLOAD_H_

#include "collector/notify/delivery.h"

#include <algorithm>

namespace plimsoll::collector::notify {

Delivery::Delivery(DeliveryStyle style, const NotifierOptions& options)
    : style_(style), options_(options) {}

bool Delivery::SameStatus(const Notification& a, const Notification& b) {
  return a.resolved == b.resolved && a.starts_at_ns == b.starts_at_ns;
}

bool Delivery::PastResolved(const Entry& entry, int64_t now_ns) const {
  return entry.notification.resolved &&
         now_ns - entry.notification.ends_at_ns >= options_.resolved_for_ns;
}

void Delivery::Replace(const Notification& notification, int64_t now_ns) {
  auto [at, fresh] = entries_.try_emplace(notification.incident_id);
  Entry& entry = at->second;
  const bool same = !fresh && SameStatus(entry.notification, notification);
  const bool changed =
      !same || entry.notification.annotations != notification.annotations;
  entry.notification = notification;
  if (!changed) return;
  // A person has read it; Alertmanager forgets what is not said again.
  if (fresh && notification.said_before && !notification.resolved &&
      style_ == DeliveryStyle::kWebhook) {
    entry.delivered_ns = now_ns;
    entry.idle = true;
    return;
  }
  entry.idle = false;
  if (!same) {
    entry.due_ns = now_ns;
    entry.backoff_ns = 0;
  } else if (style_ == DeliveryStyle::kWebhook) {
    // A webhook's reader is a person: changed words wait.
    if (entry.delivered_ns > 0) {
      entry.due_ns =
          std::max(now_ns, entry.delivered_ns + options_.webhook_update_ns);
    }
  } else if (entry.backoff_ns == 0) {
    entry.due_ns = now_ns;
  }
}

bool Delivery::Delivered(const std::string& incident_id) const {
  const auto at = entries_.find(incident_id);
  return at != entries_.end() && at->second.delivered_ns > 0;
}

std::vector<Notification> Delivery::Due(int64_t now_ns) const {
  std::vector<Notification> due;
  for (const auto& [id, entry] : entries_) {
    if (!entry.idle && entry.due_ns <= now_ns) {
      due.push_back(entry.notification);
    }
  }
  return due;
}

void Delivery::Succeeded(const std::vector<Notification>& sent,
                         int64_t now_ns) {
  for (const Notification& n : sent) {
    const auto at = entries_.find(n.incident_id);
    if (at == entries_.end()) continue;
    Entry& entry = at->second;
    entry.delivered_ns = now_ns;
    entry.backoff_ns = 0;
    // It was replaced while it was sent: the new words are still due.
    if (!SameStatus(entry.notification, n)) continue;
    if (style_ == DeliveryStyle::kWebhook) {
      if (n.resolved) {
        entries_.erase(at);
      } else if (entry.notification.annotations == n.annotations) {
        entry.idle = true;
      } else {
        entry.due_ns = now_ns + options_.webhook_update_ns;
      }
    } else if (PastResolved(entry, now_ns)) {
      entries_.erase(at);
    } else if (entry.notification.annotations == n.annotations) {
      entry.due_ns = now_ns + options_.resend_ns;
    }
  }
}

int Delivery::Failed(const std::vector<Notification>& sent, int64_t now_ns) {
  int given_up = 0;
  for (const Notification& n : sent) {
    const auto at = entries_.find(n.incident_id);
    if (at == entries_.end()) continue;
    Entry& entry = at->second;
    if (PastResolved(entry, now_ns)) {
      entries_.erase(at);
      ++given_up;
      continue;
    }
    entry.backoff_ns =
        std::clamp(2 * entry.backoff_ns, options_.first_backoff_ns,
                   std::max(options_.resend_ns, options_.first_backoff_ns));
    entry.due_ns = now_ns + entry.backoff_ns;
  }
  return given_up;
}

int Delivery::Rejected(const std::vector<Notification>& sent, int64_t now_ns) {
  for (const Notification& n : sent) {
    const auto at = entries_.find(n.incident_id);
    if (at == entries_.end()) continue;
    if (n.resolved) {
      entries_.erase(at);
    } else {
      at->second.idle = style_ == DeliveryStyle::kWebhook;
      at->second.due_ns = now_ns + options_.resend_ns;
    }
  }
  return static_cast<int>(sent.size());
}

}  // namespace plimsoll::collector::notify

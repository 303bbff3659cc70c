#include "collector/notify/delivery.h"

#include <algorithm>
#include <utility>

namespace plimsoll::collector::notify {
namespace {

bool SameStatus(const Notification& a, const Notification& b) {
  return a.Status() == b.Status() && a.starts_at_ns == b.starts_at_ns;
}

}  // namespace

Delivery::Delivery(DeliveryStyle style, std::string target,
                   const NotifierOptions& options)
    : style_(style), target_(std::move(target)), options_(options) {}

int64_t Delivery::UpdateNs() const {
  switch (style_) {
    case DeliveryStyle::kPagerDuty:
      return options_.pager_update_ns;
    case DeliveryStyle::kSlack:
      return options_.channel_update_ns;
    default:
      return options_.webhook_update_ns;
  }
}

bool Delivery::PastResolved(const Entry& entry, int64_t now_ns) const {
  // Alertmanager ends by itself what is not said again; others wait for it.
  const int64_t patience =
      Repeats() ? options_.resolved_for_ns : options_.resolve_patience_ns;
  return entry.notification.resolved && now_ns - entry.resolved_ns >= patience;
}

bool Delivery::SameWords(const Notification& a, const Notification& b) const {
  const bool by_gist =
      style_ == DeliveryStyle::kPagerDuty || style_ == DeliveryStyle::kSlack;
  return by_gist ? a.gist == b.gist : a.annotations == b.annotations;
}

// Under a silence; but whoever was told of it is told that it is over.
bool Delivery::Held(const Entry& entry) const {
  const Notification& n = entry.notification;
  const bool heard = entry.tried || !entry.told.empty();
  return n.silenced && !Repeats() && !(n.resolved && heard);
}

void Delivery::Replace(const Notification& notification, int64_t now_ns) {
  if (style_ == DeliveryStyle::kPagerDuty && !notification.resolved &&
      notification.Status() != "page") {
    return;  // a ticket waits for the morning
  }
  auto [at, fresh] = entries_.try_emplace(notification.incident_id);
  Entry& entry = at->second;
  if (fresh) {
    for (const Told& t : notification.told) {
      if (t.target == target_) entry.told = t.status;
    }
  }
  const bool same = !fresh && SameStatus(entry.notification, notification);
  const bool changed = !same || !SameWords(entry.notification, notification);
  const bool was_held = !fresh && Held(entry);
  if (notification.resolved && !same) entry.resolved_ns = now_ns;
  entry.notification = notification;
  // It ended under its silence, or before this target ever heard of it and
  // could not use its end (a pager's).
  const bool unheard =
      notification.resolved && entry.told.empty() && !entry.tried;
  if (unheard && !Repeats() &&
      (notification.silenced || style_ == DeliveryStyle::kPagerDuty)) {
    entries_.erase(at);
    return;
  }
  if (!changed && !(was_held && !Held(entry))) return;
  entry.rejected = false;
  // A person has read it, before a restart of ours.
  if (fresh && !Repeats() && entry.told == notification.Status()) {
    entry.delivered_ns = now_ns;
    entry.idle = true;
    return;
  }
  entry.idle = false;
  if (!same) {
    entry.due_ns = now_ns;
    entry.backoff_ns = 0;
  } else if (!Repeats()) {
    // A person reads it: changed words wait.
    if (entry.delivered_ns > 0) {
      entry.due_ns = std::max(now_ns, entry.delivered_ns + UpdateNs());
    }
  } else if (entry.backoff_ns == 0) {
    entry.due_ns = now_ns;
  }
}

std::vector<Notification> Delivery::Due(int64_t now_ns) {
  std::vector<Notification> due;
  for (auto& [id, entry] : entries_) {
    if (!entry.idle && entry.due_ns <= now_ns && !Held(entry)) {
      entry.tried = true;
      due.push_back(entry.notification);
    }
  }
  return due;
}

int Delivery::Waiting() const {
  return static_cast<int>(
      std::count_if(entries_.begin(), entries_.end(), [this](const auto& item) {
        const Entry& entry = item.second;
        return !Held(entry) && entry.told != entry.notification.Status();
      }));
}

std::vector<Notification> Delivery::Succeeded(
    const std::vector<Notification>& sent, int64_t now_ns) {
  std::vector<Notification> accepted;
  for (const Notification& n : sent) {
    const auto at = entries_.find(n.incident_id);
    if (at == entries_.end()) continue;
    Entry& entry = at->second;
    entry.delivered_ns = now_ns;
    entry.backoff_ns = 0;
    entry.rejected = false;
    if (entry.told != n.Status()) {
      entry.told = n.Status();
      accepted.push_back(n);
    }
    // It was replaced while it was sent: the new words are still due.
    if (!SameStatus(entry.notification, n)) continue;
    const bool same = SameWords(entry.notification, n);
    if (!Repeats()) {
      if (n.resolved) {
        entries_.erase(at);
      } else if (same) {
        entry.idle = true;
      } else {
        entry.due_ns = now_ns + UpdateNs();
      }
    } else if (PastResolved(entry, now_ns)) {
      entries_.erase(at);
    } else if (same) {
      entry.due_ns = now_ns + options_.resend_ns;
    }
  }
  return accepted;
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
  int given_up = 0;
  for (const Notification& n : sent) {
    const auto at = entries_.find(n.incident_id);
    if (at == entries_.end()) continue;
    Entry& entry = at->second;
    given_up += entry.rejected ? 0 : 1;
    if (n.resolved) {
      entries_.erase(at);
      continue;
    }
    entry.rejected = true;
    entry.due_ns = now_ns + (Repeats() ? options_.resend_ns : UpdateNs());
  }
  return given_up;
}

}  // namespace plimsoll::collector::notify

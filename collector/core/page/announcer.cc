#include "collector/core/page/announcer.h"

#include <algorithm>
#include <utility>

#include "collector/core/page/page_text.h"

namespace plimsoll::collector {
namespace {

constexpr char kResolved[] = "resolved";

}  // namespace

Announcer::Announcer(std::vector<Notifier*> notifiers,
                     const SilenceReader* silences, PageLinks links)
    : notifiers_(std::move(notifiers)),
      silences_(silences),
      links_(std::move(links)) {}

void Announcer::Say(const Incident& incident) const {
  if (incident.state == IncidentState::kPending) return;
  const Notification notification = NotificationOf(incident, links_);
  for (Notifier* notifier : notifiers_) notifier->Notify(notification);
}

bool Announcer::LookAtSilences(Incident& incident, int64_t now_ns) const {
  if (silences_ == nullptr || incident.state == IncidentState::kPending) {
    return false;
  }
  auto silence =
      silences_->Silencing(NotificationOf(incident, links_).labels, now_ns);
  if (silence == incident.silence) return false;
  incident.silence = std::move(silence);
  return true;
}

std::vector<Receipt> Announcer::TakeReceipts() const {
  std::vector<Receipt> all;
  for (Notifier* notifier : notifiers_) {
    for (Receipt& r : notifier->TakeReceipts()) all.push_back(std::move(r));
  }
  return all;
}

void Record(const Told& told, Incident& incident) {
  std::erase_if(incident.told,
                [&](const Told& t) { return t.target == told.target; });
  incident.told.push_back(told);
}

bool EndIsUntold(const Incident& incident) {
  return incident.state == IncidentState::kResolved &&
         std::any_of(incident.told.begin(), incident.told.end(),
                     [](const Told& t) { return t.status != kResolved; });
}

std::string Notification::Status() const {
  if (resolved) return kResolved;
  const auto severity = labels.find("severity");
  return severity == labels.end() ? "page" : severity->second;
}

}  // namespace plimsoll::collector

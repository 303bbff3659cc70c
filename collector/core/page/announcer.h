// Says incidents to the notifiers and keeps with each incident whom it reached
// and which silence of Alertmanager it is under. Analysis thread only.
#ifndef PLIMSOLL_COLLECTOR_CORE_PAGE_ANNOUNCER_H_
#define PLIMSOLL_COLLECTOR_CORE_PAGE_ANNOUNCER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "collector/core/incident/incident.h"
#include "collector/core/incident/incident_ports.h"
#include "collector/core/page/page_actions.h"

namespace plimsoll::collector {

class Announcer {
 public:
  // None is owned; `silences` may be null.
  Announcer(std::vector<Notifier*> notifiers, const SilenceReader* silences,
            PageLinks links);

  // As it is now, under the silence that it was last seen under. A pending one
  // is said to nobody.
  void Say(const Incident& incident) const;

  // Looks the silences up anew; true when that changed the incident.
  bool LookAtSilences(Incident& incident, int64_t now_ns) const;

  // What has arrived since the last call.
  std::vector<Receipt> TakeReceipts() const;

 private:
  const std::vector<Notifier*> notifiers_;
  const SilenceReader* const silences_;
  const PageLinks links_;
};

// Takes the place of what that target was told before.
void Record(const Told& told, Incident& incident);

// A resolved incident of which a target knows only that it fires.
bool EndIsUntold(const Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_PAGE_ANNOUNCER_H_

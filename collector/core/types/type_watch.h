// Live objects by type of one process, census by census, in bounded memory: the
// few types that grew most since the first census keep their history.
// Owned by one ImminentWatch; not thread-safe.
#ifndef PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_WATCH_H_
#define PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_WATCH_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "collector/core/observation.h"
#include "collector/core/stats/robust_slope.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// One look at one type.
struct TypeLook {
  double t_s = 0;
  double objects = 0;
  double bytes = 0;
  double objects_error = 0;  // standard error; 0: counted
};

struct TypeHistory {
  std::string type;
  std::vector<TypeLook> looks;
};

class TypeWatch {
 public:
  explicit TypeWatch(const ImminentThresholds& thresholds);

  void AddCensus(double t_s, const std::vector<TypeObservation>& types);
  int censuses() const { return censuses_; }
  // Types whose objects rise steadily, and still do, by the censuses since
  // `since_s`; or their bytes: existing objects may grow, and a few large ones
  // among many small. Of a sampled heap a step down is one that its error does
  // not explain, and a gain is one that it does not either; its bytes, whose
  // error is not known, are not looked at.
  std::vector<const TypeHistory*> Rising(double since_s) const;
  bool AnyRising(double since_s) const;
  // All that keep a history, rising or not.
  const std::vector<TypeHistory>& followed() const { return followed_; }
  // Types whose floors rise: what was never given back afterwards.
  std::vector<const TypeHistory*> FloorRising() const;
  bool AnyFloorRising() const { return !FloorRising().empty(); }

 private:
  struct FirstLook {
    uint64_t name_hash = 0;
    float objects = 0;
    float bytes = 0;
    float objects_error = 0;
  };

  const FirstLook* Find(uint64_t name_hash) const;
  void Follow(const std::vector<TypeObservation>& types, double t_s);
  bool Rises(const TypeHistory& history, double TypeLook::*of,
             double since_s) const;
  bool IsRising(const TypeHistory& history, double since_s) const;
  bool IsFloorRising(const TypeHistory& history) const;

  const ImminentThresholds thresholds_;
  double first_s_ = 0;
  std::vector<FirstLook> first_;  // sorted by hash
  std::vector<TypeHistory> followed_;
  int censuses_ = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_WATCH_H_

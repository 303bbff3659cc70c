// "1 of 12 pods: NAME grows, the others do not": the one replica that is not
// as the others are. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_OUTLYING_INSTANCE_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_OUTLYING_INSTANCE_H_

#include <optional>
#include <string>
#include <vector>

#include "collector/core/diagnosis/instances.h"

namespace plimsoll::collector {

struct OutlyingInstance {
  std::string instance;  // instances.h
  // How many times the mean of the others it grows; nothing where they do not
  // leak.
  std::optional<double> times;
};

// The only one that leaks; or, where all of at least four do, the fastest, if
// it is beyond what the others' rates and their differences let one of them be
// (DerSimonian and Laird's variance, Student's t, one chance in a hundred over
// all of them) and twice their mean.
std::optional<OutlyingInstance> FindOutlier(
    const std::vector<InstanceGrowth>& instances);

// For the `where` line; "" where there is none, or it is the only one of its
// region, of which the line speaks already.
std::string OutlierWords(const Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_OUTLYING_INSTANCE_H_

// Cumulative request counts of one process by label set, and the names that
// label sets have in common: "" (any request), each "k=v", each pair of them.
// Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_REQUEST_COUNTS_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_REQUEST_COUNTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

// By label set, "city=singapore,outcome=exception"; each in time order.
using RequestSeries = std::map<std::string, std::vector<Sample>>;

std::vector<std::string> SplitLabel(const std::string& label);
// "", each k=v, each pair of them in the label's order.
std::vector<std::string> NamesOf(const std::string& label);
// True when every k=v of `parent` is in `child` ("" is in all).
bool IsParent(const std::string& parent, const std::string& child);
// "city,outcome" of "city=singapore,outcome=exception".
std::string KeysOf(const std::string& name);

// Linear between samples, which are in time order; the first and the last value
// outside, 0 where there are none.
double LinearAt(const std::vector<Sample>& samples, int64_t time_ns);

// One label set's count at any time: linear between looks, which is what is
// expected of arrivals whose number is known; its first and last value outside.
// A count that falls began anew at zero, as in Prometheus' rate(). A set that
// was not there at the process' first look began at zero after the look before
// its own first one. `looks`: of the whole process, in order.
class CountCurve {
 public:
  CountCurve(const std::vector<Sample>& samples,
             const std::vector<int64_t>& looks);
  double At(int64_t time_ns) const;

 private:
  std::vector<Sample> steps_;
};

// When the requests of a process were looked at, in order.
std::vector<int64_t> LooksOf(const RequestSeries& requests);

// Requests between two times that match every k=v of `attributes` ("": all).
double RequestsWith(const RequestSeries& requests,
                    const std::string& attributes, int64_t from_ns,
                    int64_t to_ns);
// The same per second, over what of the span was looked at; nothing where that
// is less than a minute.
std::optional<double> RequestRate(const RequestSeries& requests,
                                  const std::string& attributes,
                                  int64_t from_ns, int64_t to_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_REQUEST_COUNTS_H_

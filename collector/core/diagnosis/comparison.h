// Two sides of one workload compared: two times, two regions, two versions; or
// of one service in several clusters.
// Growth is per process-hour and, where requests are counted, per request, so
// that a busier side is not called a worse one. Pure but for the reader.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_COMPARISON_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_COMPARISON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/core/estimate.h"
#include "collector/core/ports.h"
#include "collector/core/types/type_table.h"

namespace plimsoll::collector {

// Which processes and which span. What is empty is not asked for.
struct SideSpec {
  std::string text;  // as it was asked for
  std::string cluster, region, zone, version, node;
  int64_t from_ns = 0, to_ns = 0;
};

// "region=eu-west-3", "version=1.4", "time=2h" (the span that ended two hours
// ago), "time=now", "time=1795921200" (unix seconds), several with commas
// between; a word alone is a time if it is written like one, else a region or a
// version that the workload has. InvalidArgument says what it could be.
absl::StatusOr<SideSpec> ParseSide(const std::string& text,
                                   const std::vector<ProcessInfo>& processes,
                                   int64_t span_ns, int64_t now_ns);

struct SideFigures {
  SideSpec spec;
  int32_t processes = 0;                 // that match
  int32_t with_slope = 0;                // of them
  double process_hours = 0;              // that were watched
  std::optional<double> anon_bytes;      // mean of a process, over the span
  std::optional<Estimate> bytes_per_s;   // of one process: the mean
  std::optional<double> requests_per_s;  // of one process
  std::optional<Estimate> bytes_per_request;
  TypeTable types;  // of the first few processes
};

struct ComparedType {
  std::string type;
  double a_objects_per_h = 0, b_objects_per_h = 0;  // of one process
  double a_bytes_per_h = 0, b_bytes_per_h = 0;
};

struct Comparison {
  SideFigures a, b;
  std::string attributes;  // of the requests that were counted; "": all
  // a over b; nothing where b is not surely above zero.
  std::optional<Estimate> ratio, ratio_per_request;
  std::vector<ComparedType> types;  // largest difference in bytes first
  std::string words;
};

// `processes` are those of the workload, or of the service. Spans that overlap
// are allowed.
absl::StatusOr<Comparison> CompareSides(
    const FleetReader& reader, const std::vector<ProcessInfo>& processes,
    const SideSpec& a, const SideSpec& b, const std::string& attributes);

// Of two independent estimates, by the delta method on logarithms.
std::optional<Estimate> RatioOf(const Estimate& a, const Estimate& b);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_COMPARISON_H_

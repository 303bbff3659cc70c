// How right the imminent rule is by itself, snapshot by snapshot, on the fleets
// of verdict_bench (with --fleets N from --seed N on): whom it would page, with
// all that is in use said to be objects of one type, or native memory; or, with
// malloc not read, of whom the board would say that what grows is not known.
// Printed, not a test.
//
//   imminent_bench [--seed N] [--fleets N] [--verbose] [--recorded DIRECTORY
//                  of record_programs.py --split]
//
// A recording is judged at the pace at which it was made.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "collector/core/growth/imminent_watch.h"
#include "tests/bench/cells.h"
#include "tests/bench/verdict/claims.h"
#include "tests/bench/verdict/fleet_maker.h"
#include "tests/bench/verdict/recorded.h"

namespace plimsoll::bench {
namespace {

using collector::Observation;

constexpr double kStart_s = 1.7e9;
constexpr double kObjectBytes = 200;

enum class Arm : uint8_t { kType, kNative, kUnread };

struct Row {
  const char* name;
  Arm arm;
  bool requests;
  Score score;
  int killed = 0, warned = 0;  // lives, and those paged before
  std::vector<double> warnings_s;
};

Observation LookAt(const MadeWorkload& w, const PodLife& life, size_t at,
                   const Row& row) {
  const Tick& t = life.ticks[at];
  Observation o;
  o.time_ns = static_cast<int64_t>((kStart_s + t.t_s) * 1e9);
  o.anon_bytes = o.cgroup_usage_bytes = t.bytes;
  o.limit_bytes = w.limit_bytes;
  if (row.requests) {
    double requests = 0;
    for (const float of_city : life.requests[at]) requests += of_city;
    o.requests_total = requests;
  }
  if (t.used == kNoCensus) return o;
  o.has_census = true;
  const bool typed = row.arm == Arm::kType;
  const double objects = typed ? t.used / kObjectBytes : 1000;
  o.types = {{"app.Thing", objects, kObjectBytes * objects}};
  if (row.arm != Arm::kUnread) o.native_bytes = typed ? 1e6 : t.used;
  return o;
}

// The first page of one life, or word, if there is one.
void WatchLife(const std::vector<MadeWorkload>& fleet, size_t workload,
               const PodLife& life, Row& row, std::vector<Claim>& claims) {
  const MadeWorkload& w = fleet[workload];
  collector::ImminentWatch watch(
      collector::ImminentThresholds{},
      static_cast<int64_t>((kStart_s + life.start_s) * 1e9));
  const double end_s = life.ticks.back().t_s;
  row.killed += life.killed;
  for (size_t i = 0; i < life.ticks.size(); ++i) {
    const auto& said = watch.Observe(LookAt(w, life, i, row));
    if (row.arm == Arm::kUnread ? !said.unnamed : !said.confirmed) continue;
    Claim c;
    c.workload = static_cast<int>(workload);
    c.at_s = life.ticks[i].t_s;
    c.page = true;
    c.pods = {life.pod};
    c.bytes_per_s = said.bytes_per_s.value;
    c.lo = said.bytes_per_s.lo;
    c.hi = said.bytes_per_s.hi;
    c.window_s = said.window_s;
    claims.push_back(c);
    row.warned += life.killed;
    if (life.killed) row.warnings_s.push_back(end_s - c.at_s);
    return;
  }
}

void Judge(const std::vector<MadeWorkload>& fleet, bool verbose, Row& row) {
  std::vector<Claim> claims;
  for (size_t i = 0; i < fleet.size(); ++i) {
    for (const PodLife& life : fleet[i].lives) {
      if (!life.ticks.empty()) WatchLife(fleet, i, life, row, claims);
    }
  }
  AddScore(fleet, claims, row.score);
  for (const Claim& c : claims) {
    const MadeWorkload& w = fleet[static_cast<size_t>(c.workload)];
    if (!verbose || IsTrue(w, c)) continue;
    std::printf("  FALSE %s, %s %s: %s %s at %.2f h, %.1f %%/h\n", row.name,
                w.name.c_str(), c.pods.front().c_str(), Name(w.shape),
                w.mixture.c_str(), c.at_s / 3600,
                c.bytes_per_s * 360000 / w.limit_bytes);
  }
}

void Print(const Row& row) {
  const Score& s = row.score;
  std::printf("%-24s %6d %6d %9.4f %9.4f %8d of %-5d %8.0f s\n", row.name,
              s.true_claims, s.false_claims,
              s.pages_on_healthy / std::max(1e-9, s.healthy_pod_days),
              UpperRate(s.pages_on_healthy, s.healthy_pod_days), row.warned,
              row.killed, MedianOf(row.warnings_s));
  for (const auto& [name, shape] : s.shapes) {
    if (shape.false_claims == 0) continue;
    std::printf("    false on %s: %d\n", name.c_str(), shape.false_claims);
  }
}

int JudgeRecordings(const std::string& directory) {
  const auto fleet = ReadRecordings(directory, 1);
  for (size_t i = 0; i < fleet.size(); ++i) {
    std::printf("%-36s", fleet[i].name.c_str());
    for (const Arm arm : {Arm::kType, Arm::kNative, Arm::kUnread}) {
      Row row{"", arm, false};
      std::vector<Claim> claims;
      WatchLife(fleet, i, fleet[i].lives[0], row, claims);
      if (claims.empty()) {
        std::printf(" %8s", "nothing");
      } else {
        std::printf(" %6.0f s", claims[0].at_s);
      }
    }
    std::printf("\n");
  }
  return fleet.empty() ? 1 : 0;
}

int JudgeFleets(uint64_t seed, int fleets, bool verbose) {
  std::array<Row, 6> rows = {{{"type", Arm::kType, false},
                              {"type, requests", Arm::kType, true},
                              {"native", Arm::kNative, false},
                              {"native, requests", Arm::kNative, true},
                              {"not read", Arm::kUnread, false},
                              {"not read, requests", Arm::kUnread, true}}};
  for (int i = 0; i < fleets; ++i) {
    const auto fleet = MakeFleet({.seed = seed + static_cast<uint64_t>(i)});
    for (Row& row : rows) Judge(fleet, verbose, row);
  }
  std::printf("%d fleets from seed %llu, %.0f healthy pod-days\n", fleets,
              static_cast<unsigned long long>(seed),
              rows[0].score.healthy_pod_days);
  std::printf("%-24s %6s %6s %9s %9s %17s %10s\n", "what is in use is", "true",
              "false", "false/d", "<= 95 %", "paged before kill", "warning");
  for (const Row& row : rows) Print(row);
  return 0;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  uint64_t seed = 1;
  int fleets = 3;
  bool verbose = false;
  std::string recorded;
  for (int i = 1; i < argc; ++i) {
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (std::strcmp(argv[i], "--seed") == 0) {
      seed = std::strtoull(value, nullptr, 10), ++i;
    } else if (std::strcmp(argv[i], "--fleets") == 0) {
      fleets = std::atoi(value), ++i;
    } else if (std::strcmp(argv[i], "--recorded") == 0) {
      recorded = value, ++i;
    } else if (std::strcmp(argv[i], "--verbose") == 0) {
      verbose = true;
    } else {
      std::fprintf(stderr, "unknown flag %s\n", argv[i]);
      return 2;
    }
  }
  return recorded.empty() ? plimsoll::bench::JudgeFleets(seed, fleets, verbose)
                          : plimsoll::bench::JudgeRecordings(recorded);
}

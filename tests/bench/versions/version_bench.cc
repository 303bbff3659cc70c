// Prints how right "began with version X" is: the collector's engine over
// made-up workloads that are deployed anew, cell by cell. "Told": of the runs,
// a page or a ticket once there is a new version; "began", "before", "later":
// of these, it says at any time that the leak began with the new version, that
// the one before had it too, that it began later than the new one came. "When":
// of those that say later and should, the true time is where it says. "Oracle":
// oracle.h, whose delay is from the second new pod on as the others'.
//   version_bench [--seed N] [--runs N] [--only TEXT] [--part K/N] [--verbose]
// Seeds from 1 on are to tune with; those from 100,001 on are looked at once.
#include <cstdio>
#include <string>
#include <vector>

#include "collector/core/engine/engine.h"
#include "tests/bench/cells.h"
#include "tests/bench/versions/oracle.h"
#include "tests/bench/versions/version_maker.h"
#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::bench {
namespace {

std::vector<VersionCell> LeakingCells() {
  return {
      {.name = "new version"},
      {.name = "new, canary", .rollout = Rollout::kCanary, .pods = 4},
      {.name = "new, two pods", .pods = 2},
      {.name = "new, one pod", .pods = 1},
      {.name = "new, warm-up", .healthy = Healthy::kWarmUp},
      {.name = "new, cache", .healthy = Healthy::kCache},
      {.name = "new, saw", .healthy = Healthy::kSaw},
      {.name = "new, load", .healthy = Healthy::kLoad},
      {.name = "new, slow 1 %/h", .percent_per_h = 1},
      {.name = "new, counted", .counted = true},
      {.name = "both", .leaks = Leaks::kBoth},
      {.name = "both, canary",
       .leaks = Leaks::kBoth,
       .rollout = Rollout::kCanary,
       .pods = 4},
      {.name = "both, one pod", .leaks = Leaks::kBoth, .pods = 1},
      {.name = "both, cache",
       .leaks = Leaks::kBoth,
       .healthy = Healthy::kCache},
      {.name = "both, slow 1 %/h", .leaks = Leaks::kBoth, .percent_per_h = 1},
      {.name = "both, by day", .leaks = Leaks::kBothByDay},
      {.name = "both, by day, counted",
       .leaks = Leaks::kBothByDay,
       .counted = true},
      {.name = "later, canary",
       .leaks = Leaks::kLater,
       .rollout = Rollout::kCanary,
       .pods = 4},
      {.name = "later, all new", .leaks = Leaks::kLater},
      {.name = "one pod of the new", .leaks = Leaks::kOnePod},
  };
}

// Healthy memory that follows the load, deployed at any of its phases and
// while it rises; of half of the cells the requests are counted.
std::vector<VersionCell> HealthyCells() {
  std::vector<VersionCell> cells;
  const auto add = [&](const char* name, const char* counted_name,
                       VersionCell cell) {
    cell.leaks = Leaks::kNone;
    cell.healthy = Healthy::kLoad;
    cell.name = name;
    cells.push_back(cell);
    cell.name = counted_name;
    cell.counted = true;
    cells.push_back(cell);
  };
  add("none, load", "none, load, counted",
      {.after_least_from_h = 0, .after_least_to_h = 24});
  const VersionCell rising{.after_least_from_h = 0, .after_least_to_h = 6};
  add("none, load rises", "none, rises, counted", rising);
  VersionCell cell = rising;
  cell.load = 0.2;
  add("none, much rises", "none, much, counted", cell);
  cell.before_h = 24;
  add("none, much, a day", "none, a day, counted", cell);
  cell = rising;
  cell.load = 0.2, cell.rollout = Rollout::kCanary, cell.pods = 4;
  add("none, much, canary", "none, canary, counted", cell);
  return cells;
}

std::vector<VersionCell> Cells() {
  std::vector<VersionCell> cells = LeakingCells();
  for (const VersionCell& cell : HealthyCells()) cells.push_back(cell);
  return cells;
}

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'700'000'000 * kSecond;
constexpr double kTickEvery_s = 60;

int64_t Unix(double t_s) { return kStart + static_cast<int64_t>(t_s * 1e9); }

// A fleet and an engine that learn of a look when it is taken.
class Live {
 public:
  explicit Live(const VersionCell& cell)
      : cell_(cell),
        engine_({.reader = &fleet_, .incidents = &incidents_}, {}) {}

  void Look(const MadePod& pod, int64_t key, const MadeLook& look) {
    collector::ProcessInfo info;
    info.key = key;
    info.agent_id = "agent";
    info.pid = static_cast<int32_t>(1000 + key);
    info.workload = {"", "bench", "deployment", "shop"};
    info.version = pod.version;
    info.pod = pod.name;
    info.start_unix_ns = Unix(pod.from_s);
    info.first_seen_ns = Unix(pod.looks.front().t_s);
    info.last_seen_ns = Unix(look.t_s);
    info.exited = &look == &pod.looks.back();
    collector::Observation o;
    o.time_ns = Unix(look.t_s);
    o.anon_bytes = o.cgroup_usage_bytes = look.bytes;
    o.limit_bytes = kVersionLimit;
    o.exited = info.exited;
    fleet_.Add(info, o);
    if (cell_.counted) {
      fleet_.Put(key, {collector::metric::kRequests, "endpoint=/"}, o.time_ns,
                 look.requests);
    }
    engine_.OnSnapshot(info, o);
  }

  std::vector<collector::Incident> Tick(double t_s) {
    const absl::Status status = engine_.Tick(Unix(t_s));
    if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return engine_.Incidents();
  }

 private:
  const VersionCell& cell_;
  collector::FakeFleet fleet_;
  collector::FakeIncidentStore incidents_;
  collector::Engine engine_;
};

struct Heard {
  bool told = false, over = false;
  bool began = false, as_before = false, later = false;
  bool dated = false;  // later, and when it was
  double told_s = 0, began_s = 0;
  std::string where;
};

// What is on a page or a ticket once there is a new version.
void Read(const collector::Incident& incident, double t_s, double later_s,
          Heard& heard) {
  if (incident.state != collector::IncidentState::kFiring) return;
  if (!heard.told) heard.told_s = t_s;
  heard.told = true;
  heard.where = incident.text.where;
  const auto says = [&](const std::string& words) {
    return heard.where.find(words) != std::string::npos;
  };
  const bool began = says("began with version " + std::string(kNewVersion));
  if (began && !heard.began) heard.began_s = t_s;
  heard.began = heard.began || began;
  heard.as_before = heard.as_before || says("gained as much");
  const auto& onset = incident.version_onset;
  heard.over = heard.over || (onset && onset->not_before);
  if (!says("began at about ") || heard.later) return;
  heard.later = true;
  heard.dated = onset && later_s > 0 && Unix(later_s) >= onset->since_from_ns &&
                Unix(later_s) <= onset->since_to_ns;
}

Heard Listen(const VersionCell& cell, const MadeVersions& made) {
  Live live(cell);
  std::vector<size_t> next(made.pods.size(), 0);
  Heard heard;
  for (double t = -cell.before_h * 3600; t <= kVersionHours * 3600;
       t += kTickEvery_s) {
    for (size_t p = 0; p < made.pods.size(); ++p) {
      const MadePod& pod = made.pods[p];
      for (; next[p] < pod.looks.size() && pod.looks[next[p]].t_s <= t;
           ++next[p]) {
        live.Look(pod, static_cast<int64_t>(p) + 1, pod.looks[next[p]]);
      }
    }
    for (const auto& incident : live.Tick(t)) {
      if (t > made.second_pod_s) Read(incident, t, made.later_s, heard);
    }
  }
  return heard;
}

// Over the runs of a cell, or of all.
struct Sums {
  int runs = 0, told = 0, over = 0;
  int began = 0, as_before = 0, later = 0, dated = 0;
  int began_right = 0, later_right = 0;
  std::vector<double> told_h, began_h, oracle_h;

  void Add(const VersionCell& cell, const MadeVersions& made,
           const Heard& heard) {
    const auto hours = [&](double t_s) {
      return (t_s - made.second_pod_s) / 3600;
    };
    ++runs;
    told += heard.told, over += heard.over, began += heard.began,
        as_before += heard.as_before;
    later += heard.later, dated += heard.dated;
    began_right += heard.began && made.began_with_new;
    later_right += heard.later && cell.leaks == Leaks::kLater;
    if (heard.told) told_h.push_back(hours(heard.told_s));
    if (heard.began) began_h.push_back(hours(heard.began_s));
    const auto oracle_s = OracleSpeaks(made);
    if (oracle_s) oracle_h.push_back(hours(*oracle_s));
  }
};

void Print(const char* name, const Sums& s) {
  std::printf("%-22s %6d %6d %6d %6d %7d %6d %6d %8.2f %8.2f %8.2f\n", name,
              s.runs, s.told, s.over, s.began, s.as_before, s.later, s.dated,
              MedianOf(s.told_h), MedianOf(s.began_h), MedianOf(s.oracle_h));
  std::fflush(stdout);
}

int Run(const CellArguments& a) {
  std::printf("%-22s %6s %6s %6s %6s %7s %6s %6s %8s %8s %8s\n", "cell", "runs",
              "told", "over", "began", "before", "later", "when", "told h",
              "began h", "oracle h");
  size_t number = 0;
  int began = 0, began_right = 0, later = 0, later_right = 0;
  int healthy = 0, healthy_told = 0, healthy_over = 0;
  for (const VersionCell& cell : Cells()) {
    if (!a.Wants(number++, cell.name)) continue;
    Sums sums;
    for (int run = 0; run < a.runs; ++run) {
      const uint64_t seed = a.seed + static_cast<uint64_t>(run);
      const MadeVersions made = MakeVersions(cell, seed);
      const Heard heard = Listen(cell, made);
      sums.Add(cell, made, heard);
      if (a.verbose) {
        std::printf("  seed %llu: %s\n", static_cast<unsigned long long>(seed),
                    heard.where.c_str());
      }
    }
    Print(cell.name, sums);
    began += sums.began, began_right += sums.began_right;
    later += sums.later, later_right += sums.later_right;
    if (cell.leaks != Leaks::kNone) continue;
    healthy += sums.runs, healthy_told += sums.told, healthy_over += sums.over;
  }
  std::printf(
      "\"began with version\": %d of %d right; \"began later\": %d of %d "
      "right\n",
      began_right, began, later_right, later);
  std::printf("nothing leaks: %d of %d told, %d by the version before\n",
              healthy_told, healthy, healthy_over);
  return 0;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  const auto a = plimsoll::bench::ParseCellArguments(argc, argv, 100);
  return a ? plimsoll::bench::Run(*a) : 2;
}

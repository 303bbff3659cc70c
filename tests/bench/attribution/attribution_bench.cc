// Prints how right the attribution of a leak to traffic is, cell by cell:
//   attribution_bench [--seed N] [--runs N] [--only TEXT] [--part K/N]
//   [--verbose]
// Seeds from 1 on are to tune with; those from 100,001 on are looked at once.
// "best": what the data can tell at best (oracle.h).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "collector/core/history/request_counts.h"
#include "collector/core/traffic/traffic.h"
#include "tests/bench/attribution/oracle.h"
#include "tests/bench/attribution/traffic_maker.h"
#include "tests/bench/cells.h"

namespace plimsoll::bench {
namespace {

using collector::IsParent;
using collector::Traffic;
using collector::TrafficCause;

struct Tally {
  int runs = 0, right = 0, alone = 0, silent = 0, ghosts = 0, grouped = 0;
  int intervals = 0, held = 0;
  std::vector<double> errors;
  int asked = 0, best_first = 0, best_sure = 0;  // of the oracle
  std::vector<double> best_errors, vifs;
  void Add(const Tally& other);
};

void Tally::Add(const Tally& o) {
  runs += o.runs, right += o.right, alone += o.alone, silent += o.silent;
  ghosts += o.ghosts, grouped += o.grouped;
  intervals += o.intervals, held += o.held;
  asked += o.asked, best_first += o.best_first, best_sure += o.best_sure;
  const auto append = [](std::vector<double>& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(errors, o.errors), append(best_errors, o.best_errors);
  append(vifs, o.vifs);
}

bool InGroup(const TrafficCause& cause, const std::string& truth) {
  return cause.attributes == truth ||
         std::find(cause.inseparable_from.begin(), cause.inseparable_from.end(),
                   truth) != cause.inseparable_from.end();
}

// Names requests that do not leak: none of the truths is in its group, nor is
// it a part of one.
bool IsGhost(const TrafficCause& cause, const MadeTraffic& made) {
  return std::none_of(
      made.truths.begin(), made.truths.end(), [&](const std::string& truth) {
        return InGroup(cause, truth) || IsParent(truth, cause.attributes);
      });
}

void Add(const MadeTraffic& made, const Traffic& traffic, Tally& tally) {
  ++tally.runs;
  tally.silent += traffic.causes.empty();
  for (const TrafficCause& cause : traffic.causes) {
    tally.ghosts += IsGhost(cause, made);
  }
  if (traffic.causes.empty() || made.truths.empty()) return;
  const TrafficCause& top = traffic.causes.front();
  bool first = false, group = false;
  for (const std::string& truth : made.truths) {
    first = first || top.attributes == truth;
    group = group || InGroup(top, truth);
  }
  tally.right += first;
  tally.grouped += group && !top.inseparable_from.empty();
  tally.alone += first && top.inseparable_from.empty();
  if (!first || top.joint) return;  // then its figure is the group's
  const double truth = made.bytes_per_request;
  tally.errors.push_back(std::abs(top.bytes_per_request.value / truth - 1));
  ++tally.intervals;
  tally.held +=
      top.bytes_per_request.lo <= truth && truth <= top.bytes_per_request.hi;
}

// As the agent sees them: memory twice a minute, and live bytes.
std::vector<Cell> LiveCells() {
  std::vector<Cell> cells = {
      {.name = "live 1 h, city",
       .hours = 1,
       .requests_per_s = 2,
       .bytes_per_request = 50e3},
      {.name = "live 1 h, pair",
       .cause = Cause::kPair,
       .hours = 1,
       .requests_per_s = 4,
       .bytes_per_request = 1.6e6},
      {.name = "live 1 h, pair, 2 procs",
       .cause = Cause::kPair,
       .processes = 2,
       .hours = 1,
       .requests_per_s = 4,
       .bytes_per_request = 1.6e6},
      {.name = "live 20 min, pair, 2 procs",
       .cause = Cause::kPair,
       .processes = 2,
       .hours = 0.34,
       .requests_per_s = 4,
       .bytes_per_request = 1.6e6},
      {.name = "live 1 h, VIF 100",
       .vif = 100,
       .hours = 1,
       .requests_per_s = 2,
       .bytes_per_request = 50e3},
      {.name = "live 6 h, hidden day",
       .cause = Cause::kHiddenDaily,
       .hours = 6,
       .requests_per_s = 2,
       .bytes_per_request = 50e3},
      {.name = "live 1 h, by time",
       .cause = Cause::kPerTime,
       .hours = 1,
       .requests_per_s = 2,
       .bytes_per_request = 50e3},
  };
  for (Cell& cell : cells) {
    cell.memory_every_s = 30;
    cell.counts_every_s = 15;
    cell.noise_bytes = 1e6;
    cell.noise_rho = 0;
  }
  return cells;
}

std::vector<Cell> Cells() {
  std::vector<Cell> cells = {
      {.name = "5 procs, rho .9"},
      {.name = "5 procs, rho .3", .noise_rho = 0.3},
      {.name = "5 procs, rho 1", .noise_rho = 1},
      {.name = "1 proc, rho .9", .processes = 1},
      {.name = "2 procs, rho .9", .processes = 2},
      {.name = "20 procs, rho .9", .processes = 20},
      {.name = "20 procs, rho .3", .processes = 20, .noise_rho = 0.3},
      {.name = "VIF 3", .vif = 3},
      {.name = "VIF 10", .vif = 10},
      {.name = "VIF 10, rho .3", .vif = 10, .noise_rho = 0.3},
      {.name = "VIF 100", .vif = 100},
      {.name = "VIF 100, 20 procs", .processes = 20, .vif = 100},
      {.name = "saw", .base = Base::kSaw},
      {.name = "warm-up", .base = Base::kWarmUp},
      {.name = "cache", .base = Base::kCache},
      {.name = "restarts", .base = Base::kRestarts},
      {.name = "steps", .base = Base::kSteps},
      {.name = "heavy tail 1.8", .tail = 1.8},
      {.name = "regions", .regions = true},
      {.name = "pair",
       .cause = Cause::kPair,
       .requests_per_s = 0.3,
       .bytes_per_request = 9e6},
      {.name = "endpoint", .cause = Cause::kEndpoint, .bytes_per_request = 1e6},
      {.name = "two cities", .cause = Cause::kTwoCities},
      {.name = "any request", .cause = Cause::kAny, .bytes_per_request = 0.3e6},
      {.name = "half by time", .background_share = 0.5},
      {.name = "hidden", .cause = Cause::kHidden},
      {.name = "hidden, its own day", .cause = Cause::kHiddenDaily},
      {.name = "hidden, its own day, 20",
       .cause = Cause::kHiddenDaily,
       .processes = 20},
      {.name = "hidden, own day, rho .3",
       .cause = Cause::kHiddenDaily,
       .noise_rho = 0.3},
      {.name = "hidden day, live",
       .cause = Cause::kHiddenDaily,
       .requests_per_s = 2,
       .bytes_per_request = 0.1e6,
       .noise_bytes = 1e6},
      {.name = "by time", .cause = Cause::kPerTime},
      {.name = "by time, saw", .cause = Cause::kPerTime, .base = Base::kSaw},
      {.name = "by time, cache",
       .cause = Cause::kPerTime,
       .base = Base::kCache},
  };
  const std::vector<Cell> live = LiveCells();
  cells.insert(cells.end(), live.begin(), live.end());
  return cells;
}

void Print(const char* name, const Tally& t, double cpu_s) {
  std::printf(
      "%-28s %6.1f %6.1f %6.1f %6.1f %7.3f %6.1f %6.1f %7.1f | %6.1f %6.1f "
      "%6.1f %6.1f\n",
      name, Percent(t.right, t.runs), Percent(t.alone, t.runs),
      Percent(t.grouped, t.runs), Percent(t.silent, t.runs),
      static_cast<double>(t.ghosts) / t.runs, 100 * MedianOf(t.errors),
      Percent(t.held, t.intervals), 1000 * cpu_s / t.runs, MedianOf(t.vifs),
      Percent(t.best_first, t.asked), Percent(t.best_sure, t.asked),
      100 * MedianOf(t.best_errors));
  std::fflush(stdout);
}

void AddOracle(const Oracle& oracle, Tally& tally) {
  ++tally.asked;
  tally.best_first += oracle.first;
  tally.best_sure += oracle.sure;
  tally.best_errors.push_back(oracle.error);
  tally.vifs.push_back(oracle.vif);
}

void PrintRun(uint64_t seed, const MadeTraffic& made, const Traffic& traffic) {
  std::printf("  seed %llu truth", static_cast<unsigned long long>(seed));
  for (const std::string& truth : made.truths) {
    std::printf(" %s", truth.empty() ? "any" : truth.c_str());
  }
  std::printf(" %.3g:", made.bytes_per_request);
  for (const TrafficCause& c : traffic.causes) {
    std::printf(" %s%s %.3g [%.3g, %.3g] share %.2f vif %.1f placebo %.2f",
                c.attributes.c_str(), c.joint ? " (joint)" : "",
                c.bytes_per_request.value, c.bytes_per_request.lo,
                c.bytes_per_request.hi, c.share, c.vif, c.placebo_share);
    for (const auto& other : c.inseparable_from) {
      std::printf(" ~%s", other.c_str());
    }
    std::printf(";");
  }
  std::printf(" %s\n", traffic.not_known.c_str());
}

double CpuSeconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// The goals are of a day of five processes and more whose cause is among the
// attributes, at a VIF of its own of 10 at the most: run by run.
constexpr double kGoalVif = 10, kGoalHours = 24;
constexpr int kGoalProcesses = 5;

struct Totals {
  Tally separable, not_separable;
};

void AddToTotals(const Cell& cell, const Tally& run, Totals& totals) {
  if (cell.processes < kGoalProcesses || cell.hours < kGoalHours ||
      run.vifs.empty()) {
    return;
  }
  (run.vifs.front() <= kGoalVif ? totals.separable : totals.not_separable)
      .Add(run);
}

int Run(const CellArguments& a) {
  std::printf("%-28s %6s %6s %6s %6s %7s %6s %6s %7s | %6s %6s %6s %6s\n",
              "cell", "first", "alone", "group", "silent", "ghosts", "error",
              "CI", "ms/run", "VIF", "best:f", "sure", "error");
  size_t number = 0;
  Totals totals;
  for (const Cell& cell : Cells()) {
    if (!a.Wants(number++, cell.name)) continue;
    Tally tally;
    double cpu = 0;
    for (int run = 0; run < a.runs; ++run) {
      const uint64_t seed = a.seed + static_cast<uint64_t>(run);
      const MadeTraffic made = MakeTraffic(cell, seed);
      const double before = CpuSeconds();
      const Traffic traffic = collector::AttributeTraffic(made.processes, {});
      cpu += CpuSeconds() - before;
      Tally one;
      Add(made, traffic, one);
      if (!made.truths.empty()) AddOracle(AskOracle(cell, made), one);
      AddToTotals(cell, one, totals);
      tally.Add(one);
      if (a.verbose) PrintRun(seed, made, traffic);
    }
    Print(cell.name, tally, cpu);
  }
  std::printf("%d and %d runs of a day, 5 processes and more:\n",
              totals.separable.runs, totals.not_separable.runs);
  Print("  VIF of 10 and less", totals.separable, 0);
  Print("  VIF over 10", totals.not_separable, 0);
  return 0;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  const auto a = plimsoll::bench::ParseCellArguments(argc, argv, 100);
  return a ? plimsoll::bench::Run(*a) : 2;
}

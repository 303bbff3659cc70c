// Prints how right the comparison of two regions of one workload is: what an
// incident says (CompareGroups), and what `plimsoll compare` says of the same
// series (CompareSides).
//   comparison_bench [--seed N] [--runs N] [--only TEXT] [--part K/N]
//   [--verbose]
// Seeds from 1 on are to tune with; those from 100,001 on are looked at once.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "collector/core/diagnosis/comparison.h"
#include "collector/core/traffic/traffic_compare.h"
#include "tests/bench/attribution/traffic_maker.h"
#include "tests/bench/cells.h"
#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::bench {
namespace {

using collector::Comparison;
using collector::GroupComparison;
using collector::Traffic;

// Two regions of which the first serves most of the leaking city's requests.
Cell Day(const char* name, int processes = 6) {
  Cell cell;
  cell.name = name;
  cell.processes = processes;
  cell.regions = true;
  return cell;
}

// As the agent sees an hour of live bytes.
Cell Hour(const char* name) {
  Cell cell = Day(name);
  cell.hours = 1;
  cell.memory_every_s = 30;
  cell.counts_every_s = 15;
  cell.requests_per_s = 2;
  cell.bytes_per_request = 50e3;
  cell.noise_bytes = 1e6;
  cell.noise_rho = 0;
  return cell;
}

Cell With(Cell cell, double Cell::*field, double value) {
  cell.*field = value;
  return cell;
}

std::vector<Cell> Cells() {
  std::vector<Cell> cells = {
      Day("only the mix differs"),
      Day("only the mix, 2 procs", 2),
      Day("only the mix, 12 procs", 12),
      Hour("only the mix, live 1 h"),
      With(Day("only the mix, busier"), &Cell::first_requests, 3),
      With(Day("only the mix, rho .3"), &Cell::noise_rho, 0.3),
      With(Day("only the mix, walk"), &Cell::noise_rho, 1),
      With(Day("only the mix, 4 h"), &Cell::hours, 4),
      With(Day("only the mix, too noisy"), &Cell::noise_bytes, 200e6),
      With(Day("city 1/15 elsewhere"), &Cell::city_elsewhere, 0.067),
      With(Day("city 1/50 elsewhere"), &Cell::city_elsewhere, 0.02),
      With(Day("city 1/200 elsewhere"), &Cell::city_elsewhere, 0.005),
      With(Hour("city 1/50 elsewhere, live"), &Cell::city_elsewhere, 0.02),
      With(Day("city 1/1000 elsewhere"), &Cell::city_elsewhere, 1e-3),
      With(Day("code twice as bad"), &Cell::first_region, 2),
      With(Hour("twice as bad, live 1 h"), &Cell::first_region, 2),
      With(With(Day("city 1/50, twice"), &Cell::first_region, 2),
           &Cell::city_elsewhere, 0.02),
      With(With(Day("city 1/1000, twice"), &Cell::first_region, 2),
           &Cell::city_elsewhere, 1e-3),
  };
  Cell by_time = Day("by time");
  by_time.cause = Cause::kPerTime;
  cells.push_back(by_time);
  cells.push_back(With(by_time, &Cell::first_requests, 3));
  cells.back().name = "by time, busier";
  return cells;
}

// Of one of the two ways.
struct Tally {
  int in_all = 0, in_all_held = 0, told = 0, equal_held = 0, worse = 0;
  int any_told = 0;  // of `told`, those of any request
  std::vector<double> ratios;
};

bool Holds(const collector::Estimate& e, double value) {
  return e.lo <= value && value <= e.hi;
}

void Add(const Cell& cell, double truth, const GroupComparison& c, Tally& t) {
  ++t.in_all;
  t.in_all_held += Holds(c.in_all, truth);
  t.worse += c.worse_here;
  if (!c.at_equal_mix) return;
  ++t.told;
  t.ratios.push_back(c.at_equal_mix->value);
  t.equal_held += Holds(*c.at_equal_mix, cell.first_region);
}

// What was served in the first region, a process-second, over the second's.
double RequestsRatio(const MadeTraffic& made) {
  double requests[2] = {}, seconds[2] = {};
  for (size_t i = 0; i < made.processes.size(); ++i) {
    const size_t at = made.regions[i] == "first" ? 0 : 1;
    const auto& bytes = made.processes[i].bytes;
    seconds[at] +=
        static_cast<double>(bytes.back().time_ns - bytes.front().time_ns);
    for (const auto& [label, counts] : made.processes[i].requests) {
      requests[at] += counts.back().value;
    }
  }
  return requests[0] / seconds[0] / (requests[1] / seconds[1]);
}

// `any`: the ratio of what leaked a request of any kind, which is what is
// compared where none is blamed.
void Add(const Cell& cell, double truth, double any, const Comparison& c,
         Tally& t) {
  t.in_all += c.ratio.has_value();
  t.in_all_held += c.ratio && Holds(*c.ratio, truth);
  t.worse += c.words.find("differ, not only the traffic") != std::string::npos;
  if (!c.ratio_per_request) return;
  ++t.told;
  t.ratios.push_back(c.ratio_per_request->value);
  const bool blamed = !c.attributes.empty();
  t.equal_held += Holds(*c.ratio_per_request, blamed ? cell.first_region : any);
  t.any_told += !blamed;
}

// The series as the store would give them.
collector::FakeFleet FleetOf(const MadeTraffic& made) {
  collector::FakeFleet fleet;
  for (size_t i = 0; i < made.processes.size(); ++i) {
    const auto& series = made.processes[i];
    collector::ProcessInfo info;
    info.key = static_cast<collector::ProcessKey>(i) + 1;
    info.region = made.regions[i];
    info.first_seen_ns = series.bytes.front().time_ns;
    info.last_seen_ns = series.bytes.back().time_ns;
    fleet.processes[info.key] = info;
    fleet.series[{info.key, {collector::metric::kAnon, ""}}] = series.bytes;
    for (const auto& [label, counts] : series.requests) {
      fleet.series[{info.key, {collector::metric::kRequests, label}}] = counts;
    }
  }
  return fleet;
}

Comparison CompareAsAsked(const MadeTraffic& made, const Traffic& traffic) {
  const collector::FakeFleet fleet = FleetOf(made);
  std::vector<collector::ProcessInfo> infos;
  for (const auto& [key, info] : fleet.processes) infos.push_back(info);
  collector::SideSpec a, b;
  a.text = a.region = "first";
  b.text = b.region = "second";
  a.to_ns = b.to_ns = std::numeric_limits<int64_t>::max();
  const std::string blamed =
      traffic.causes.empty() ? "" : traffic.causes.front().attributes;
  auto c = collector::CompareSides(fleet, infos, a, b, blamed);
  return c.ok() ? *std::move(c) : Comparison();
}

void Print(const char* name, int runs, Tally t) {
  std::sort(t.ratios.begin(), t.ratios.end());
  std::printf("%-34s %7.1f %7.1f %7.1f %7.1f %7.2f %7.1f %7.1f\n", name,
              Percent(t.in_all, runs), Percent(t.in_all_held, t.in_all),
              Percent(t.told, runs), Percent(t.equal_held, t.told),
              t.ratios.empty() ? std::nan("") : t.ratios[t.ratios.size() / 2],
              Percent(t.worse, runs), Percent(t.any_told, runs));
  std::fflush(stdout);
}

void PrintRun(const Traffic& traffic, const GroupComparison& c,
              const Comparison& asked) {
  std::printf(
      "  cause %s; in all %.2f [%.2f, %.2f]; equal ",
      traffic.causes.empty() ? "-" : traffic.causes[0].attributes.c_str(),
      c.in_all.value, c.in_all.lo, c.in_all.hi);
  if (c.at_equal_mix) {
    std::printf("%.2f [%.2f, %.2f]%s", c.at_equal_mix->value,
                c.at_equal_mix->lo, c.at_equal_mix->hi,
                c.worse_here ? " WORSE" : "");
  }
  std::printf(" %s; asked: %s\n", c.not_told.c_str(), asked.words.c_str());
}

int Run(const CellArguments& a) {
  std::printf("%-34s %7s %7s %7s %7s %7s %7s %7s\n", "regions", "in all", "CI",
              "told", "CI", "median", "worse", "any");
  size_t number = 0;
  for (const Cell& cell : Cells()) {
    if (!a.Wants(number++, cell.name)) continue;
    Tally said, asked;
    for (int run = 0; run < a.runs; ++run) {
      const MadeTraffic made =
          MakeTraffic(cell, a.seed + static_cast<uint64_t>(run));
      const double truth = made.expected_first / made.expected_second;
      const Traffic traffic = collector::AttributeTraffic(made.processes, {});
      const GroupComparison c = collector::CompareGroups(
          made.processes, made.regions, "first", "second", traffic.causes, {});
      const Comparison sides = CompareAsAsked(made, traffic);
      Add(cell, truth, c, said);
      // It speaks of the span that was asked for.
      const double leaked = made.leaked_first / made.leaked_second;
      Add(cell, leaked, leaked / RequestsRatio(made), sides, asked);
      if (a.verbose) PrintRun(traffic, c, sides);
    }
    Print(cell.name, a.runs, said);
    Print("  plimsoll compare", a.runs, asked);
  }
  return 0;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  const auto a = plimsoll::bench::ParseCellArguments(argc, argv, 100);
  return a ? plimsoll::bench::Run(*a) : 2;
}

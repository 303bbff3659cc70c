// How right the verdicts are: made-up fleets with known leaks, judged at every
// tick by the collector's own analysis and by its rivals on the same series.
// Printed, not a test. Seeds below 1000 are there to tune on; from 1000 on they
// are looked at once.
//
//   verdict_bench [--seed N] [--fleets N] [--leaking SHARE] [--no-rivals]
//                 [--rows memory,requests,live,both,types,all] [--verbose]
//                 [--dump FILE] [--explain WORKLOAD] [--recorded DIRECTORY of
//                 record_programs.py] [--trace FILE... of traced.h]
//                 [--ranges]
//
// Rows: what the judgement is given beside memory. --explain is by the first.
// --ranges: what the shapes are drawn from, for fit_shapes.py.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/verdict/claims.h"
#include "tests/bench/verdict/detectors.h"
#include "tests/bench/verdict/fleet_maker.h"
#include "tests/bench/verdict/knobs.h"
#include "tests/bench/verdict/recorded.h"
#include "tests/bench/verdict/shape_ranges.h"
#include "tests/bench/verdict/traced.h"

namespace plimsoll::bench {
namespace {

struct RowKind {
  const char* flag;
  const char* name;
  Given given;
};
constexpr RowKind kRows[] = {
    {"memory", "plimsoll, memory alone", {}},
    {"requests", "plimsoll, with requests", {.requests = true}},
    {"live", "plimsoll, with live bytes", {.live = true}},
    {"both", "plimsoll, with both", {.requests = true, .live = true}},
    {"types", "plimsoll, with types", {.live = true, .types = true}},
    {"all",
     "plimsoll, with all",
     {.requests = true, .live = true, .types = true}}};

struct Arguments {
  uint64_t seed = 1;
  int fleets = 3;
  double leaking = 0.5;
  bool rivals = true, verbose = false, ranges = false;
  std::vector<RowKind> rows{std::begin(kRows), std::end(kRows)};
  std::string dump, explain, recorded;
  std::vector<std::string> traces;
  collector::Thresholds thresholds;
};

// "memory,live"
bool SetRows(const std::string& text, std::vector<RowKind>& rows) {
  rows.clear();
  for (const RowKind& row : kRows) {
    if (("," + text + ",").find("," + std::string(row.flag) + ",") !=
        std::string::npos) {
      rows.push_back(row);
    }
  }
  return !rows.empty();
}

double CpuSeconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

void PrintHead() {
  std::printf("%-28s %6s %6s %6s %8s %8s %8s %8s %6s %6s %6s %6s\n", "detector",
              "prec.", "recall", "slow", "false/d", "<= 95 %", "pages/d",
              "<= 95 %", "CI", "marked", "used", "OOM");
}

// Rivals tell no pages from tickets.
void Print(const std::string& name, const Score& s, bool pages) {
  std::printf("%-28s %6.3f %6.3f %6.3f %8.4f %8.4f ", name.c_str(),
              s.Precision(), s.Recall(), s.SlowRecall(), s.FalsePerDay(),
              UpperRate(s.false_on_healthy, s.healthy_pod_days));
  if (pages) {
    std::printf("%8.4f %8.4f ",
                s.pages_on_healthy / std::max(1e-9, s.healthy_pod_days),
                UpperRate(s.pages_on_healthy, s.healthy_pod_days));
  } else {
    std::printf("%8s %8s ", "-", "-");
  }
  std::printf("%6.3f %6.2f %6.2f %6.2f\n",
              static_cast<double>(s.held) / std::max(1, s.intervals),
              s.Marked(), MedianOf(s.headroom_used), MedianOf(s.oom_errors));
}

void PrintParts(const Score& s) {
  std::printf(
      "\nleaks that took 1 %% of the limit in a life that was seen: found %d "
      "of "
      "%d, slow ones %d of %d\na version's leak is said %.1f h after its "
      "second "
      "pod (median of %zu)\n",
      s.visible_found, s.visible, s.slow_visible_found, s.slow_visible,
      MedianOf(s.version_delays_h), s.version_delays_h.size());
  std::printf("\n%-14s %5s %5s %9s %9s %6s\n", "shape", "true", "false",
              "found", "CI holds", "marked");
  for (const auto& [name, p] : s.shapes) {
    std::printf("%-14s %5d %5d %4d/%-4d %4d/%-4d %6d\n", name.c_str(),
                p.true_claims, p.false_claims, p.found, p.leaking, p.held,
                p.intervals, p.marked);
  }
  for (const auto& [name, p] : s.leaks) {
    std::printf("leak %-14s found %d/%d\n", name.c_str(), p.found, p.leaking);
  }
  std::printf("blamed traffic: %d right, %d other, of %d leaks of one city\n",
              s.city_right, s.city_wrong, s.city_leaks);
}

double ShareUnder(const std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  return sorted[std::min(sorted.size() - 1,
                         static_cast<size_t>(share * sorted.size()))];
}

// Of the claims that are not marked and of those that are: how many intervals
// hold, whether the truth is under or over the others, and how far off it is.
void PrintCoverage(const Score& s) {
  std::printf("\n%-20s | %9s %5s %5s %5s %5s %5s %5s | %9s %5s %5s\n",
              "intervals of", "stated", "under", "over", "|e|50", "|e|90",
              "|e|95", "width", "marked", "under", "over");
  for (const auto& [group, of] : s.coverage) {
    const Coverage& c = of.stated;
    std::printf(
        "%-20s | %4d/%-4zu %5d %5d %5.2f %5.2f %5.2f %5.2f | %4d/%-4zu %5d "
        "%5d\n",
        group.c_str(), c.held, c.errors.size(), c.under, c.over,
        ShareUnder(c.errors, 0.5), ShareUnder(c.errors, 0.9),
        ShareUnder(c.errors, 0.95), ShareUnder(c.widths, 0.5), of.marked.held,
        of.marked.errors.size(), of.marked.under, of.marked.over);
  }
}

void PrintClaims(const std::vector<MadeWorkload>& fleet,
                 const std::vector<Claim>& claims) {
  for (const Claim& c : claims) {
    const MadeWorkload& w = fleet[static_cast<size_t>(c.workload)];
    const double per_h = 360000 / w.limit_bytes;
    std::printf(
        "  %s %s %5.2f h %s %-10s %s life %d leak %-12s %5.2f %%/h: said "
        "%.2f [%.2f, %.2f]%s truth %.2f healthy %.2f over %.1f h, %zu "
        "pods%s\n",
        IsTrue(w, c) ? "     " : "FALSE", w.name.c_str(), c.at_s / 3600,
        c.page ? "PAGE  " : "ticket", Name(w.shape), w.mixture.c_str(),
        static_cast<int>(w.life), Name(w.leak), w.leak_percent_per_h,
        c.bytes_per_s * per_h, c.lo * per_h, c.hi * per_h,
        c.model_limited ? " marked" : "", TrueRateOf(w, c).value_or(0) * per_h,
        HealthyRateOf(w, c).value_or(0) * per_h, c.window_s / 3600,
        c.pods.size(), c.first ? "" : " (again)");
  }
  for (size_t i = 0; i < fleet.size(); ++i) {
    const MadeWorkload& w = fleet[i];
    bool said = false;
    for (const Claim& c : claims) said |= c.workload == static_cast<int>(i);
    if (w.leak == Leak::kNone || said) continue;
    std::printf(
        "  %s missed: %-10s %s life %d leak %-12s %5.2f %%/h, %.1f %% in one "
        "life\n",
        w.name.c_str(), Name(w.shape), w.mixture.c_str(),
        static_cast<int>(w.life), Name(w.leak), w.leak_percent_per_h,
        100 * MostLeaked(w));
  }
}

// A second of a recording stands for 40: fifteen minutes are ten hours.
constexpr double kSpeed = 40;

void PrintFirst(const MadeWorkload& w, const std::vector<Claim>& claims,
                int workload) {
  const auto first = std::find_if(
      claims.begin(), claims.end(),
      [workload](const Claim& c) { return c.workload == workload; });
  if (first == claims.end()) {
    std::printf("nothing said");
    return;
  }
  const double per_h = 360000 / w.limit_bytes;
  std::printf("%s at %.2f h, %.2f [%.2f, %.2f]%s",
              first->page ? "page" : "ticket", first->at_s / 3600,
              first->bytes_per_s * per_h, first->lo * per_h, first->hi * per_h,
              first->model_limited ? " marked" : "");
}

int JudgeRecordings(const Arguments& a) {
  const auto fleet = ReadRecordings(a.recorded, kSpeed);
  if (!a.explain.empty()) {
    for (const MadeWorkload& w : fleet) {
      if (w.name == a.explain) Explain(w, a.thresholds, a.rows.front().given);
    }
    return 0;
  }
  const auto memory = JudgeByPlimsoll(fleet, a.thresholds, {});
  const auto live = JudgeByPlimsoll(fleet, a.thresholds, {.live = true});
  for (size_t i = 0; i < fleet.size(); ++i) {
    const MadeWorkload& w = fleet[i];
    std::printf("%-28s %-8s %6.2f %%/h: ", w.name.c_str(),
                w.leak == Leak::kNone ? "healthy" : "leaks",
                w.leak_percent_per_h);
    PrintFirst(w, memory, static_cast<int>(i));
    std::printf("; with live bytes: ");
    PrintFirst(w, live, static_cast<int>(i));
    std::printf("\n");
  }
  return fleet.empty() ? 1 : 0;
}

// What the detectors said, row by row.
struct Table {
  std::vector<RowKind> rows;
  std::vector<Rival> rivals;
  std::vector<Score> of_rows, of_rivals;
  double cpu_s = 0;  // of the first row

  Table(std::vector<RowKind> given, std::vector<Rival> others)
      : rows(std::move(given)),
        rivals(std::move(others)),
        of_rows(rows.size()),
        of_rivals(rivals.size()) {}

  void Judge(const std::vector<MadeWorkload>& fleet, const Arguments& a) {
    for (size_t r = 0; r < rows.size(); ++r) {
      const double before = CpuSeconds();
      const auto claims = JudgeByPlimsoll(fleet, a.thresholds, rows[r].given);
      if (r == 0) cpu_s += CpuSeconds() - before;
      AddScore(fleet, claims, of_rows[r]);
      if (!a.verbose) continue;
      std::printf("%s\n", rows[r].name);
      PrintClaims(fleet, claims);
    }
    for (size_t r = 0; r < rivals.size(); ++r) {
      AddScore(fleet, JudgeByRival(fleet, rivals[r]), of_rivals[r]);
    }
  }

  void PrintAll() const {
    PrintHead();
    for (size_t r = 0; r < rows.size(); ++r)
      Print(rows[r].name, of_rows[r], true);
    for (size_t r = 0; r < rivals.size(); ++r) {
      Print(rivals[r].name, of_rivals[r], false);
    }
  }
};

int JudgeTraces(const Arguments& a) {
  const auto fleet =
      ReadTraces(a.traces, {.seed = a.seed, .leaking_share = a.leaking});
  if (fleet.empty()) return 1;
  Table table({kRows[0]}, a.rivals ? Rivals() : std::vector<Rival>());
  table.Judge(fleet, a);
  const Score& s = table.of_rows[0];
  std::printf(
      "%zu windows of %zu traces: %d with a leak, %.0f healthy days\n\n",
      fleet.size(), a.traces.size(), s.leaking, s.healthy_pod_days);
  table.PrintAll();
  return 0;
}

int JudgeFleets(const Arguments& a) {
  std::vector<Rival> rivals;
  if (a.rivals) rivals = Rivals();
  rivals.push_back(Oracle());
  Table table(a.rows, std::move(rivals));
  for (int i = 0; i < a.fleets; ++i) {
    const uint64_t seed = a.seed + static_cast<uint64_t>(i);
    if (a.verbose) {
      std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    }
    table.Judge(MakeFleet({.seed = seed, .leaking_share = a.leaking}), a);
  }
  const Score& s = table.of_rows[0];
  std::printf(
      "%d fleets from seed %llu: %d leaking workloads, %.0f healthy "
      "pod-days; %.1f s of CPU a fleet\n\n",
      a.fleets, static_cast<unsigned long long>(a.seed), s.leaking,
      s.healthy_pod_days, table.cpu_s / a.fleets);
  table.PrintAll();
  for (size_t r = 0; r < table.rows.size(); ++r) {
    std::printf("\n%s\n", table.rows[r].name);
    PrintParts(table.of_rows[r]);
    if (a.verbose) PrintCoverage(table.of_rows[r]);
  }
  return 0;
}

int PrintRanges() {
  for (const Range* r : kRanges) {
    std::printf("%s,%s,%g,%g\n", r->shape, r->trait, r->lo, r->hi);
  }
  return 0;
}

int Run(const Arguments& a) {
  if (a.ranges) return PrintRanges();
  if (!a.recorded.empty()) return JudgeRecordings(a);
  if (!a.traces.empty()) return JudgeTraces(a);
  if (!a.dump.empty()) {
    std::ofstream out(a.dump);
    Dump(MakeFleet({.seed = a.seed, .leaking_share = a.leaking}), out);
    return out.good() ? 0 : 1;
  }
  if (a.explain.empty()) return JudgeFleets(a);
  for (const MadeWorkload& w :
       MakeFleet({.seed = a.seed, .leaking_share = a.leaking})) {
    if (w.name == a.explain) Explain(w, a.thresholds, a.rows.front().given);
  }
  return 0;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  plimsoll::bench::Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (flag == "--seed")
      a.seed = std::strtoull(value, nullptr, 10), ++i;
    else if (flag == "--fleets")
      a.fleets = std::atoi(value), ++i;
    else if (flag == "--leaking")
      a.leaking = std::atof(value), ++i;
    else if (flag == "--dump")
      a.dump = value, ++i;
    else if (flag == "--set") {
      if (!plimsoll::bench::SetKnob(value, a.thresholds.judgement)) {
        std::fprintf(stderr, "no such threshold: %s\n", value);
        return 2;
      }
      ++i;
    } else if (flag == "--explain")
      a.explain = value, ++i;
    else if (flag == "--recorded")
      a.recorded = value, ++i;
    else if (flag == "--no-rivals")
      a.rivals = false;
    else if (flag == "--rows") {
      if (!plimsoll::bench::SetRows(value, a.rows)) {
        std::fprintf(stderr, "no such row: %s\n", value);
        return 2;
      }
      ++i;
    } else if (flag == "--trace") {
      while (i + 1 < argc && argv[i + 1][0] != '-') {
        a.traces.emplace_back(argv[++i]);
      }
    } else if (flag == "--verbose")
      a.verbose = true;
    else if (flag == "--ranges")
      a.ranges = true;
    else {
      std::fprintf(stderr, "unknown flag %s\n", flag.c_str());
      return 2;
    }
  }
  return plimsoll::bench::Run(a);
}

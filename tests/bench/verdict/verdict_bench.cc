// How right the verdicts are: made-up fleets with known leaks, judged at every
// tick by the collector's own analysis and by its rivals on the same series.
// Printed, not a test. Seeds below 1000 are there to tune on; from 1000 on they
// are looked at once.
//
//   verdict_bench [--seed N] [--fleets N] [--leaking SHARE] [--no-rivals]
//                 [--no-requests] [--verbose] [--dump FILE] [--explain
//                 WORKLOAD] [--recorded DIRECTORY of record_programs.py]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "tests/bench/verdict/claims.h"
#include "tests/bench/verdict/detectors.h"
#include "tests/bench/verdict/fleet_maker.h"
#include "tests/bench/verdict/recorded.h"

namespace plimsoll::bench {
namespace {

struct Arguments {
  uint64_t seed = 1;
  int fleets = 3;
  double leaking = 0.5;
  bool rivals = true, requests = true, verbose = false;
  std::string dump, explain, recorded;
  collector::Thresholds thresholds;
};

using collector::JudgementThresholds;
struct Knob {
  const char* name;
  double JudgementThresholds::*value;
};
constexpr Knob kKnobs[] = {
    {"min_z", &JudgementThresholds::min_z},
    {"min_last_third", &JudgementThresholds::min_last_third},
    {"min_least_third", &JudgementThresholds::min_least_third},
    {"min_slow_third", &JudgementThresholds::min_slow_third},
    {"slow_window_s", &JudgementThresholds::slow_window_s},
    {"slow_s", &JudgementThresholds::slow_s},
    {"watch_of_time_left", &JudgementThresholds::watch_of_time_left},
    {"watch_s", &JudgementThresholds::watch_s},
    {"max_step_share", &JudgementThresholds::max_step_share},
    {"min_late_over_early", &JudgementThresholds::min_late_over_early},
    {"bend_age_s", &JudgementThresholds::bend_age_s},
    {"fill_age_s", &JudgementThresholds::fill_age_s},
    {"fill_share_of_headroom", &JudgementThresholds::fill_share_of_headroom},
    {"clock_watch_s", &JudgementThresholds::clock_watch_s},
    {"past_peak_margin", &JudgementThresholds::past_peak_margin},
    {"min_pooled_z", &JudgementThresholds::min_pooled_z},
    {"interval_inflation", &JudgementThresholds::interval_inflation},
    {"false_discovery_rate", &JudgementThresholds::false_discovery_rate}};

// "name=value"
bool Set(const std::string& text, JudgementThresholds& thresholds) {
  const size_t equals = text.find('=');
  for (const Knob& knob : kKnobs) {
    if (equals == std::string::npos || text.substr(0, equals) != knob.name) {
      continue;
    }
    thresholds.*knob.value = std::atof(text.c_str() + equals + 1);
    return true;
  }
  return false;
}

double CpuSeconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

void PrintHead() {
  std::printf("%-28s %6s %6s %6s %8s %8s %8s %6s %6s %6s %6s\n", "detector",
              "prec.", "recall", "slow", "false/d", "<= 95 %", "pages/d", "CI",
              "marked", "used", "OOM");
}

void Print(const std::string& name, const Score& s) {
  std::printf(
      "%-28s %6.3f %6.3f %6.3f %8.4f %8.4f %8.4f %6.3f %6.2f %6.2f %6.2f\n",
      name.c_str(), s.Precision(), s.Recall(), s.SlowRecall(), s.FalsePerDay(),
      UpperRate(s.false_on_healthy, s.healthy_pod_days),
      s.pages_on_healthy / std::max(1e-9, s.healthy_pod_days),
      static_cast<double>(s.held) / std::max(1, s.intervals), s.Marked(),
      MedianOf(s.headroom_used), MedianOf(s.oom_errors));
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

void PrintClaims(const std::vector<MadeWorkload>& fleet,
                 const std::vector<Claim>& claims) {
  for (const Claim& c : claims) {
    const MadeWorkload& w = fleet[static_cast<size_t>(c.workload)];
    const double per_h = 360000 / w.limit_bytes;
    std::printf(
        "  %s %s %5.2f h %s %-10s %s life %d leak %-12s %5.2f %%/h: said "
        "%.2f [%.2f, %.2f]%s truth %.2f over %.1f h, %zu pods%s\n",
        IsTrue(w, c) ? "     " : "FALSE", w.name.c_str(), c.at_s / 3600,
        c.page ? "PAGE  " : "ticket", Name(w.shape), w.mixture.c_str(),
        static_cast<int>(w.life), Name(w.leak), w.leak_percent_per_h,
        c.bytes_per_s * per_h, c.lo * per_h, c.hi * per_h,
        c.model_limited ? " marked" : "", TrueRateOf(w, c).value_or(0) * per_h,
        c.window_s / 3600, c.pods.size(), c.first ? "" : " (again)");
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

int JudgeRecordings(const Arguments& a) {
  const auto fleet = ReadRecordings(a.recorded, kSpeed);
  const auto claims = JudgeByPlimsoll(fleet, a.thresholds, false);
  for (size_t i = 0; i < fleet.size(); ++i) {
    const MadeWorkload& w = fleet[i];
    const auto first = std::find_if(
        claims.begin(), claims.end(),
        [i](const Claim& c) { return c.workload == static_cast<int>(i); });
    std::printf("%-28s %-8s %6.2f %%/h: ", w.name.c_str(),
                w.leak == Leak::kNone ? "healthy" : "leaks",
                w.leak_percent_per_h);
    if (first == claims.end()) {
      std::printf("nothing said\n");
      continue;
    }
    const double per_h = 360000 / w.limit_bytes;
    std::printf("%s at %.2f h, %.2f [%.2f, %.2f]%s\n",
                first->page ? "page" : "ticket", first->at_s / 3600,
                first->bytes_per_s * per_h, first->lo * per_h,
                first->hi * per_h, first->model_limited ? " marked" : "");
  }
  return fleet.empty() ? 1 : 0;
}

int Run(const Arguments& a) {
  if (!a.recorded.empty()) return JudgeRecordings(a);
  if (!a.dump.empty()) {
    std::ofstream out(a.dump);
    Dump(MakeFleet({.seed = a.seed, .leaking_share = a.leaking}), out);
    return out.good() ? 0 : 1;
  }
  if (!a.explain.empty()) {
    for (const MadeWorkload& w :
         MakeFleet({.seed = a.seed, .leaking_share = a.leaking})) {
      if (w.name == a.explain) Explain(w, a.thresholds);
    }
    return 0;
  }
  const std::vector<Rival> rivals = Rivals();
  std::vector<Score> scores(rivals.size() + 2);
  double cpu = 0;
  for (int i = 0; i < a.fleets; ++i) {
    const auto fleet = MakeFleet({.seed = a.seed + static_cast<uint64_t>(i),
                                  .leaking_share = a.leaking});
    const double before = CpuSeconds();
    const auto plain = JudgeByPlimsoll(fleet, a.thresholds, false);
    cpu += CpuSeconds() - before;
    AddScore(fleet, plain, scores[0]);
    if (a.verbose) {
      std::printf("seed %llu\n", static_cast<unsigned long long>(a.seed) + i);
      PrintClaims(fleet, plain);
    }
    if (a.requests) {
      AddScore(fleet, JudgeByPlimsoll(fleet, a.thresholds, true), scores[1]);
    }
    for (size_t r = 0; a.rivals && r < rivals.size(); ++r) {
      AddScore(fleet, JudgeByRival(fleet, rivals[r]), scores[r + 2]);
    }
  }
  std::printf(
      "%d fleets from seed %llu: %d leaking workloads, %.0f healthy "
      "pod-days; %.1f s of CPU a fleet\n\n",
      a.fleets, static_cast<unsigned long long>(a.seed), scores[0].leaking,
      scores[0].healthy_pod_days, cpu / a.fleets);
  PrintHead();
  Print("plimsoll, memory alone", scores[0]);
  if (a.requests) Print("plimsoll, with requests", scores[1]);
  for (size_t r = 0; a.rivals && r < rivals.size(); ++r) {
    Print(rivals[r].name, scores[r + 2]);
  }
  PrintParts(scores[0]);
  if (a.requests) PrintParts(scores[1]);
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
      if (!plimsoll::bench::Set(value, a.thresholds.judgement)) {
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
    else if (flag == "--no-requests")
      a.requests = false;
    else if (flag == "--verbose")
      a.verbose = true;
    else {
      std::fprintf(stderr, "unknown flag %s\n", flag.c_str());
      return 2;
    }
  }
  return plimsoll::bench::Run(a);
}

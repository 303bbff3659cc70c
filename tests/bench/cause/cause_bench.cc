// Prints how right the cause class is: made-up processes whose growth is split
// into known parts, seen as the agent sees them (memory each 10 s, a census
// each 30 s, at other moments), read and named by the collector's own code.
//   cause_bench [--seed N] [--runs N] [--only TEXT] [--part K/N] [--verbose]
// Seeds from 1 on are to tune with; those from 100,001 on are looked at once.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "collector/core/diagnosis/cause.h"
#include "collector/core/diagnosis/diagnosis_stored.h"
#include "collector/core/growth/imminent_watch.h"
#include "collector/core/growth/judgement.h"
#include "collector/core/history/used_memory.h"
#include "tests/bench/cause/healthy_cells.h"
#include "tests/bench/cells.h"
#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::bench {
namespace {

using collector::Verdict;
using Random = std::mt19937_64;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'700'000'000 * kSecond;
constexpr double kLimit = 1e9;
constexpr collector::ProcessKey kKey = 7;

// What grows. Shares of what is named alone are drawn from .8 to 1, the rest is
// spread over the others; "mixed" has no part over .6.
struct Cell {
  const char* name = "";
  Verdict truth = Verdict::kPythonObject;
  bool buffers = false;  // Python's, in malloc's chunks: blocks over 512 bytes
  bool gc_off = false;
  bool no_malloc = false;  // its chunks are not walked: musl, jemalloc
  bool imminent = false;   // minutes, by the rule that sees something rise
  double window_s = 3600;
  double percent_per_h = 5;  // of the limit
};

std::vector<Cell> Cells() {
  std::vector<Cell> cells;
  struct Kind {
    const char* name;
    Verdict truth;
    bool buffers, gc_off, no_malloc = false;
  };
  const Kind kinds[] = {
      {"python", Verdict::kPythonObject, false, false},
      {"python, big blocks", Verdict::kPythonObject, true, false},
      {"unreachable", Verdict::kUnreachable, false, true},
      {"the same, no malloc", Verdict::kPythonObject, true, false, true},
      {"native", Verdict::kNative, false, false},
      {"fragmentation", Verdict::kFragmentation, false, false},
      {"mixed", Verdict::kMixed, false, false}};
  struct Span {
    double window_s, percent_per_h;
    bool imminent;
  };
  // A page within minutes, and tickets of fast and of slow leaks.
  const Span spans[] = {{300, 120, true},
                        {3600, 10, false},
                        {3 * 3600, 2, false},
                        {6 * 3600, 0.5, false},
                        {24 * 3600, 0.15, false}};
  for (const Span& span : spans) {
    for (const Kind& kind : kinds) {
      // The rule wants objects of a type that rise, or native memory.
      if (span.imminent && kind.truth == Verdict::kFragmentation) continue;
      cells.push_back({kind.name, kind.truth, kind.buffers, kind.gc_off,
                       kind.no_malloc, span.imminent, span.window_s,
                       span.percent_per_h});
    }
  }
  return cells;
}

double Uniform(Random& random, double lo, double hi) {
  return std::uniform_real_distribution<double>(lo, hi)(random);
}
double Normal(Random& random) {
  return std::normal_distribution<double>()(random);
}

// Of growth; they sum to one.
struct Parts {
  double python = 0, native = 0, free = 0;
};
Parts DrawParts(const Cell& cell, Random& random) {
  if (cell.truth == Verdict::kMixed) {
    // Where a type rises the rule names Python objects from half on.
    const double most = cell.imminent ? 0.4 : 0.6;
    Parts p;
    do {
      const double a = Uniform(random, 0, 1), b = Uniform(random, 0, 1);
      p = {std::min(a, b), std::abs(a - b), 1 - std::max(a, b)};
    } while (p.python > most || p.native > 0.6 || p.free > 0.6);
    return p;
  }
  const double main = Uniform(random, 0.8, 1);
  const double rest = Uniform(random, 0, 1) * (1 - main);
  switch (cell.truth) {
    case Verdict::kNative:
      return {rest, main, 1 - main - rest};
    case Verdict::kFragmentation:
      return {rest, 1 - main - rest, main};
    default:
      return {main, rest, 1 - main - rest};
  }
}

// A process whose parts move beside their growth: garbage that waits for the
// collector (live falls, free rises), a saw of buffers in malloc, warm-up,
// noise.
class Process {
 public:
  Process(const Cell& cell, const Parts& parts, Random& random)
      : cell_(cell), parts_(parts), random_(random) {
    saw_ = Uniform(random, 0.005, 0.1) * kLimit;
    saw_s_ = Uniform(random, 30, std::max(300.0, cell.window_s / 3));
    buffers_saw_ = Uniform(random, 0, 0.03) * kLimit;
    noise_ = Uniform(random, 0.0005, 0.005) * kLimit;
    warm_ = Uniform(random, 0, 0.02) * kLimit;
    base_ = Uniform(random, 0.05, 0.2) * kLimit;
    rate_ = cell.percent_per_h / 100 * kLimit / 3600;
    phase_ = Uniform(random, 0, 1);
  }

  void Step(double dt_s) {
    // A leak is lumps at random times.
    const double mean = rate_ * dt_s, lump = rate_ * 20;
    const int n = std::poisson_distribution<int>(mean / lump)(random_);
    for (int i = 0; i < n; ++i) leaked_ += lump * Uniform(random_, 0.3, 1.7);
    phase_ += dt_s / saw_s_ * Uniform(random_, 0.7, 1.3);
    if (phase_ > 1) phase_ -= 1;
    age_s_ += dt_s;
    const double rho = std::exp(-dt_s / 60);
    for (double& n_of : noises_) {
      n_of = rho * n_of + noise_ * std::sqrt(1 - rho * rho) * Normal(random_);
    }
  }

  double live() const {
    const double mine = cell_.buffers ? 0.2 : 1;
    return base_ + mine * parts_.python * leaked_ + saw_ * phase_ +
           warm_ * (1 - std::exp(-age_s_ / 600)) + noises_[0];
  }
  double malloc_python() const {
    const double mine = cell_.buffers ? 0.8 : 0;
    return 0.3 * base_ + mine * parts_.python * leaked_ +
           buffers_saw_ * phase_ + noises_[1];
  }
  // Garbage leaves holes that the next garbage fills.
  double free() const {
    return 0.1 * base_ + 0.7 * parts_.free * leaked_ + saw_ * (1 - phase_);
  }
  double malloc_free() const {
    return 0.05 * base_ + 0.3 * parts_.free * leaked_ +
           buffers_saw_ * (1 - phase_);
  }
  double native() const { return 0.2 * base_ + parts_.native * leaked_; }
  double anon() const {
    return live() + malloc_python() + free() + malloc_free() + native() +
           noises_[2];
  }

 private:
  const Cell& cell_;
  const Parts parts_;
  Random& random_;
  double saw_ = 0, saw_s_ = 0, buffers_saw_ = 0, noise_ = 0, base_ = 0,
         rate_ = 0, phase_ = 0, leaked_ = 0, warm_ = 0, age_s_ = 0;
  std::array<double, 3> noises_{};
};

collector::FakeFleet Watch(const Cell& cell, const Parts& parts,
                           Random& random) {
  collector::FakeFleet fleet;
  Process process(cell, parts, random);
  constexpr double kStep_s = 5;
  // From an hour on a census is taken less often.
  const int every = cell.window_s > 7200 ? 24 : cell.window_s > 600 ? 12 : 6;
  for (int i = 0; i * kStep_s <= cell.window_s; ++i) {
    process.Step(kStep_s);
    const int64_t now =
        kStart + static_cast<int64_t>(i * kStep_s * 1e9) + kSecond;
    const auto put = [&](const char* name, double value) {
      fleet.Put(kKey, {name, ""}, now, value);
    };
    if (i % 2 == 0) put(collector::metric::kAnon, process.anon());
    if (i % every != 1) continue;
    put(collector::metric::kLiveBytes, process.live());
    put(collector::metric::kFreeBytes, process.free());
    if (!cell.no_malloc) {
      const double python = process.malloc_python();
      put(collector::metric::kMallocPython, python);
      put(collector::metric::kMallocLive, python + process.native());
      put(collector::metric::kMallocFree, process.malloc_free());
    }
    put("gc_enabled", cell.gc_off ? 0 : 1);
  }
  return fleet;
}

// By the imminent rule, snapshot by snapshot.
std::optional<collector::Estimate> RisingNative(
    const collector::FakeFleet& fleet) {
  std::map<int64_t, collector::Observation> looks;
  std::map<int64_t, double> python;
  const auto of = [&](const char* metric) {
    return *fleet.Read(kKey, {metric, ""}, 0, INT64_MAX);
  };
  for (const auto& s : of(collector::metric::kAnon)) {
    looks[s.time_ns].anon_bytes = s.value;
  }
  for (const auto& s : of(collector::metric::kMallocPython)) {
    python[s.time_ns] = s.value;
  }
  for (const auto& s : of(collector::metric::kMallocLive)) {
    collector::Observation& o = looks[s.time_ns];
    o.has_census = true;
    o.types = {{"str", 1000, 1e5}};
    o.native_bytes = s.value - python[s.time_ns];
  }
  collector::ImminentWatch watch(collector::ImminentThresholds{}, 0);
  for (auto& [time_ns, o] : looks) {
    o.time_ns = time_ns;
    o.limit_bytes = kLimit;
    watch.Observe(o);
  }
  const auto native = watch.Native();
  if (!native || !native->rising) return std::nullopt;
  return native->bytes_per_s;
}

// As the engine does it for a workload of one process.
collector::Incident Judge(const Cell& cell, const collector::FakeFleet& fleet) {
  const int64_t now = kStart + static_cast<int64_t>(cell.window_s * 1e9);
  const collector::Thresholds thresholds;
  collector::Incident incident;
  collector::AffectedProcess process;
  process.process = kKey;
  process.leaking = true;
  incident.processes = {process};
  incident.window_s = cell.window_s;
  incident.rule = cell.imminent ? "imminent" : "judgement";
  collector::GrowingType type;
  type.type = "shop.orders.Order";
  const bool python = cell.truth == Verdict::kPythonObject ||
                      cell.truth == Verdict::kUnreachable;
  if (python || (cell.imminent && cell.truth == Verdict::kMixed)) {
    incident.types = {type};
  }
  if (cell.imminent) incident.native_bytes_per_s = RisingNative(fleet);
  absl::Status status = collector::ReadShares(fleet, now, incident);
  status.Update(collector::ReadCollector(fleet, now, incident));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  incident.cause = collector::CauseOf(incident.shares, thresholds.cause);
  incident.cause = collector::RefinedCause(incident, thresholds.cause);
  return incident;
}

// What is shown of workloads without a leak.
void RunHealthy(const CellArguments& a) {
  std::printf("\n%-20s %8s %7s %8s  %s\n", "healthy", "hours", "right",
              "claimed", "said instead");
  for (const HealthyCell& cell : HealthyCells()) {
    if (!a.only.empty() &&
        std::string(cell.name).find(a.only) == std::string::npos) {
      continue;
    }
    std::map<Verdict, int> said;
    int right = 0, claimed = 0;
    for (int run = 0; run < a.runs; ++run) {
      const HealthyWord word =
          JudgeHealthy(cell, a.seed + static_cast<uint64_t>(run));
      claimed += word.claimed;
      right += !word.claimed && word.verdict == cell.truth;
      if (word.claimed || word.verdict != cell.truth) ++said[word.verdict];
      if (a.verbose) {
        std::printf("  %s: %s\n", std::string(ToString(word.verdict)).c_str(),
                    word.claimed ? "claimed" : word.why.c_str());
      }
    }
    std::string instead;
    for (const auto& [verdict, n] : said) {
      instead += std::string(ToString(verdict)) + " " + std::to_string(n) + " ";
    }
    std::printf("%-20s %8.0f %7.1f %8d  %s\n", cell.name, cell.hours,
                Percent(right, a.runs), claimed, instead.c_str());
    std::fflush(stdout);
  }
}

int Run(const CellArguments& a) {
  std::printf("%-20s %8s %6s %7s %7s %7s %7s  %s\n", "cell", "window h", "%/h",
              "right", "off by", "held", "width", "said instead");
  int right = 0, all = 0;
  size_t number = 0;
  for (const Cell& cell : Cells()) {
    if (!a.Wants(number++, cell.name)) continue;
    std::map<Verdict, int> said;
    std::vector<double> errors, widths;  // of the share that is live Python
    int held = 0;                        // by its interval
    for (int run = 0; run < a.runs; ++run) {
      Random random(a.seed + static_cast<uint64_t>(run));
      const Parts parts = DrawParts(cell, random);
      const auto incident = Judge(cell, Watch(cell, parts, random));
      ++said[incident.cause];
      const auto& s = incident.shares;
      if (s.python) errors.push_back(std::abs(*s.python - parts.python));
      if (s.python_ci && !cell.no_malloc) {
        widths.push_back((*s.python_ci)[1] - (*s.python_ci)[0]);
        held += (*s.python_ci)[0] <= parts.python &&
                        parts.python <= (*s.python_ci)[1]
                    ? 1
                    : 0;
      }
      if (!a.verbose) continue;
      std::printf("  %.2f %.2f %.2f: said %s, %.2f %.2f %.2f\n", parts.python,
                  parts.native, parts.free,
                  std::string(ToString(incident.cause)).c_str(),
                  s.python.value_or(-1), s.native.value_or(-1),
                  s.free.value_or(-1));
    }
    std::string instead;
    if (cell.no_malloc) {
      // Python or native is not known there, and "leak" says no more.
      said[cell.truth] += said[Verdict::kLeak];
      said.erase(Verdict::kLeak);
    }
    for (const auto& [verdict, n] : said) {
      if (verdict == cell.truth) continue;
      instead += std::string(ToString(verdict)) + " " + std::to_string(n) + " ";
    }
    right += said[cell.truth], all += a.runs;
    std::printf("%-20s %8.2f %6.2f %7.1f %7.3f %7.1f %7.3f  %s\n", cell.name,
                cell.window_s / 3600, cell.percent_per_h,
                Percent(said[cell.truth], a.runs), MedianOf(errors),
                Percent(held, static_cast<int>(widths.size())),
                MedianOf(widths), instead.c_str());
    std::fflush(stdout);
  }
  std::printf("all: %d of %d, %.1f %%\n", right, all, Percent(right, all));
  RunHealthy(a);
  return 0;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  const auto a = plimsoll::bench::ParseCellArguments(argc, argv, 200);
  return a ? plimsoll::bench::Run(*a) : 2;
}

// Prints what the full judgement costs: every process of a fleet that is a day
// old, three ticks of five minutes, which are 15 minutes. Each process has one
// judged series (anonymous memory) at 15 s and its limit; with --all also the
// free bytes of Python and of malloc at a census each two minutes and requests
// of two kinds at 15 s. --types: so many types at each census, one in fifty of
// which rises. --deployed: such a share of the workloads went to a new version
// three hours ago, which leaks 5 % of the limit an hour as the one before it,
// whose lives are over, did not.
//   judge_cost_bench [--processes N] [--pods N of a workload] [--leaking SHARE]
//                    [--all] [--types N] [--deployed SHARE]
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "collector/core/engine/judge_fleet.h"

namespace plimsoll::bench {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kScrapeNs = 15 * kSecond;
constexpr int64_t kTickNs = 300 * kSecond;
constexpr int64_t kCensusNs = 120 * kSecond;
constexpr int64_t kDayNs = 86400 * kSecond;
constexpr int64_t kStart = 1'700'000'000 * kSecond;
constexpr int64_t kDeploy = kStart - 3 * 3600 * kSecond;
constexpr double kLimit = 1e9;

double CpuSeconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// Splitmix64 (Steele, Lea, Flood 2014), from 0 to 1.
double Hash(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

// Computes the samples when they are read, as a fleet of a day has too many to
// keep; the time that takes is told apart.
class MadeFleet : public collector::FleetReader {
 public:
  MadeFleet(int64_t processes, int64_t pods, double leaking, bool all,
            int types, double deployed)
      : processes_(processes),
        pods_(pods),
        leaking_(leaking),
        all_(all),
        types_(types),
        deployed_(deployed) {}

  absl::StatusOr<std::vector<collector::ProcessInfo>> Processes(
      int64_t) const override {
    const double before = CpuSeconds();
    std::vector<collector::ProcessInfo> out;
    for (int64_t k = 0; k < 2 * processes_; ++k) {
      const int64_t i = k % processes_;
      if (IsOver(k + 1) && !IsDeployed(k + 1)) continue;
      collector::ProcessInfo& info = out.emplace_back();
      info.key = k + 1;
      info.workload = {"c", "bench", "deployment",
                       "w" + std::to_string(i / pods_)};
      info.pod = "p" + std::to_string(k);
      info.version = IsDeployed(info.key) && !IsOver(info.key) ? "2" : "1";
      info.start_unix_ns = StartOf(info.key);
      info.first_seen_ns = info.start_unix_ns;
      info.exited = IsOver(info.key);
      info.last_seen_ns = info.exited ? kDeploy : now_ns;
    }
    made_s += CpuSeconds() - before;
    return out;
  }

  absl::StatusOr<std::vector<collector::SeriesName>> Series(
      collector::ProcessKey, const std::string& metric) const override {
    std::vector<collector::SeriesName> names;
    const double before = CpuSeconds();
    for (int i = 0; metric == collector::metric::kTypeBytes && i < types_;
         ++i) {
      names.push_back({metric, std::to_string(i)});
    }
    made_s += CpuSeconds() - before;
    if (all_ && metric == collector::metric::kRequests) {
      for (const char* city : {"city=oslo", "city=lima"}) {
        names.push_back({metric, city});
      }
    }
    return names;
  }

  absl::StatusOr<std::vector<collector::Sample>> Read(
      collector::ProcessKey process, const collector::SeriesName& series,
      int64_t from_ns, int64_t to_ns) const override {
    const double before = CpuSeconds();
    std::vector<collector::Sample> out;
    if (const int64_t every = EveryNs(series.metric); every > 0) {
      int64_t at = std::max(from_ns, StartOf(process));
      at += (every - at % every) % every;
      const int64_t last_ns = IsOver(process) ? kDeploy : now_ns;
      for (; at < to_ns && at <= last_ns; at += every) {
        out.push_back({at, series.label.empty() || !IsType(series.metric)
                               ? ValueAt(series.metric, process, at)
                               : TypeAt(series.label, at)});
      }
    }
    made_s += CpuSeconds() - before;
    return out;
  }

  absl::StatusOr<std::vector<collector::StackEvidence>> Stacks(
      collector::ProcessKey, int64_t, int64_t) const override {
    return std::vector<collector::StackEvidence>();
  }
  absl::StatusOr<collector::CensusShares> Census(
      collector::ProcessKey) const override {
    return collector::CensusShares();
  }
  absl::StatusOr<std::optional<collector::CommandState>> NewestCommand(
      collector::ProcessKey) const override {
    return std::optional<collector::CommandState>();
  }
  std::optional<double> NodeSwapFreeBytes(const std::string&) const override {
    return std::nullopt;
  }
  std::optional<double> NodeAvailableBytes(const std::string&) const override {
    return std::nullopt;
  }

  int64_t now_ns = kStart;
  mutable double made_s = 0;

 private:
  // A tenth of the pods are some hours old, the others older than a day.
  int64_t StartOf(collector::ProcessKey key) const {
    const uint64_t k = static_cast<uint64_t>(key);
    if (IsDeployed(key)) return IsOver(key) ? kDeploy - kDayNs : kDeploy;
    const double hours = Hash(k) < 0.1 ? 24 * Hash(k + 1) : 30 + 40 * Hash(k);
    return kStart - static_cast<int64_t>(hours * 3600e9);
  }

  uint64_t WorkloadOf(collector::ProcessKey key) const {
    return static_cast<uint64_t>((key - 1) % processes_ / pods_);
  }
  bool IsDeployed(collector::ProcessKey key) const {
    return Hash(WorkloadOf(key) * 37 + 5) < deployed_;
  }
  // Of the version before.
  bool IsOver(collector::ProcessKey key) const { return key > processes_; }

  static bool IsType(const std::string& metric) {
    return metric == collector::metric::kTypeBytes;
  }
  static double TypeAt(const std::string& type, int64_t at_ns) {
    const uint64_t k = std::stoull(type);
    const double hours = static_cast<double>(at_ns - kStart + kDayNs) / 3600e9;
    const double wander = 1 + 0.01 * Hash(k ^ static_cast<uint64_t>(at_ns));
    return (0.0005 * Hash(k) * wander + (k % 50 == 0 ? 0.001 * hours : 0)) *
           kLimit;
  }

  // 0: there is no such series.
  int64_t EveryNs(const std::string& metric) const {
    namespace metric_of = collector::metric;
    if (metric == metric_of::kAnon) return kScrapeNs;
    if (metric == metric_of::kCgroupLimit) return kTickNs;
    if (IsType(metric)) return kCensusNs;
    if (!all_) return 0;
    if (metric == metric_of::kRequests) return kScrapeNs;
    const bool census =
        metric == metric_of::kFreeBytes || metric == metric_of::kMallocFree;
    return census ? kCensusNs : 0;
  }

  double ValueAt(const std::string& metric, collector::ProcessKey process,
                 int64_t at_ns) const {
    if (metric == collector::metric::kAnon) return BytesAt(process, at_ns);
    if (metric == collector::metric::kCgroupLimit) return kLimit;
    const uint64_t noise =
        static_cast<uint64_t>(process) * 7 ^ static_cast<uint64_t>(at_ns);
    if (metric == collector::metric::kRequests) {  // five a second, a total
      return 5 * static_cast<double>(at_ns - kStart + 4 * kDayNs) / 1e9;
    }
    return (0.02 + 0.005 * Hash(noise)) * kLimit;
  }

  // A level, noise, a saw of a third of them, and a leak of some workloads.
  double BytesAt(collector::ProcessKey key, int64_t at_ns) const {
    const uint64_t k = static_cast<uint64_t>(key) * 1'000'003;
    const double t_s = static_cast<double>(at_ns - kStart + kDayNs) / 1e9;
    double bytes = (0.2 + 0.2 * Hash(k)) * kLimit;
    bytes += 0.01 * kLimit * Hash(k ^ static_cast<uint64_t>(at_ns));
    if (Hash(k + 1) < 0.33) {
      const double period_s = 600 + 3000 * Hash(k + 2);
      bytes += 0.05 * kLimit * (t_s / period_s - std::floor(t_s / period_s));
    }
    const uint64_t workload = WorkloadOf(key);
    if (IsDeployed(key)) {
      const double age_s = static_cast<double>(at_ns - kDeploy) / 1e9;
      bytes += IsOver(key) ? 0 : 0.05 * kLimit * age_s / 3600;
    } else if (Hash(workload * 31 + 7) < leaking_) {
      bytes += (0.002 + 0.01 * Hash(workload)) * kLimit * t_s / 3600;
    }
    return bytes;
  }

  const int64_t processes_, pods_;
  const double leaking_;
  const bool all_;
  const int types_;
  const double deployed_;
};

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * 4096;
}

int Run(int64_t processes, int64_t pods, double leaking, bool all, int types,
        double deployed) {
  MadeFleet fleet(processes, pods, leaking, all, types, deployed);
  const collector::Thresholds thresholds;
  collector::FleetState state(thresholds.judgement);
  const auto tick = [&](const char* name) {
    const double made = fleet.made_s, before = CpuSeconds();
    const auto judged =
        collector::JudgeFleet(fleet, thresholds, state, fleet.now_ns);
    const double cpu = CpuSeconds() - before - (fleet.made_s - made);
    std::printf(
        "%-22s %8.2f CPU s beside %.2f s that made the samples; %lld judged, "
        "%zu workloads found, %.0f MB resident\n",
        name, cpu, fleet.made_s - made,
        static_cast<long long>(judged.processes_judged), judged.found.size(),
        ResidentBytes() / 1e6);
    std::fflush(stdout);
    return cpu;
  };
  tick("first, reads a day");
  double cpu = 0;
  for (const char* name : {"5 min later", "10 min later", "15 min later"}) {
    fleet.now_ns += kTickNs;
    cpu += tick(name);
  }
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  std::printf(
      "15 minutes of %lld processes: %.1f CPU s, %.2f %% of a core; %.0f us a "
      "process and tick; peak RSS %.0f MB\n",
      static_cast<long long>(processes), cpu, cpu / 900 * 100,
      cpu / 3 / static_cast<double>(processes) * 1e6,
      static_cast<double>(use.ru_maxrss) / 1e3);
  return 0;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  int64_t processes = 100'000, pods = 5;
  double leaking = 0.02, deployed = 0;
  bool all = false;
  int types = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (flag == "--processes") {
      processes = std::max(1LL, std::atoll(value)), ++i;
    } else if (flag == "--pods") {
      pods = std::max(1LL, std::atoll(value)), ++i;
    } else if (flag == "--leaking") {
      leaking = std::atof(value), ++i;
    } else if (flag == "--deployed") {
      deployed = std::atof(value), ++i;
    } else if (flag == "--types") {
      types = std::atoi(value), ++i;
    } else if (flag == "--all") {
      all = true;
    } else {
      std::fprintf(stderr, "unknown flag %s\n", flag.c_str());
      return 2;
    }
  }
  return plimsoll::bench::Run(processes, pods, leaking, all, types, deployed);
}

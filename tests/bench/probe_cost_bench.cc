// What probes cost, on this machine, printed: both kinds of trap, attach and
// detach, and real windows on real interpreters (hits per second, ns per hit
// by the accounting, and what the target's own clock says of it).
//
// usage: probe_cost_bench [PYTHON...]   (default: those found; needs root)
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "agent/bpf/alloc_window.h"
#include "agent/bpf/hit_cost.h"
#include "tests/bpf/agent/bpf/bpf_target.h"

namespace plimsoll {
namespace {

// Makes and drops 20,000 slotted instances per command and says how long that
// took by the target's own CPU clock.
constexpr char kScript[] = R"(
import sys, time
class Mast(object):
    __slots__ = ('a',)
def work(n):
    for i in range(n): Mast()
work(1000)
sys.stdout.write('done\n'); sys.stdout.flush()
while True:
    n = int(sys.stdin.readline())
    begin = time.process_time()
    work(n)
    spent = time.process_time() - begin
    sys.stdout.write('ns %d\ndone\n' % (spent * 1e9)); sys.stdout.flush()
)";
constexpr int kObjects = 20'000;

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since)
      .count();
}

double RunNs(testing::BpfTarget& target) {
  return std::stod(target.Command(std::to_string(kObjects))["ns"]);
}

void Measure(const std::string& python, bpf::AllocProbe& probe,
             const core::HitCosts& costs,
             const std::vector<core::ProbeKind>& kinds, const char* name) {
  testing::BpfTarget target(python, kScript);
  RunNs(target);
  const double bare_ns = RunNs(target);
  bpf::AllocWindowOptions options;
  options.kinds = kinds;
  options.costs = costs;
  options.pilot_ns = 0;  // measured here, not judged
  const auto attach = std::chrono::steady_clock::now();
  auto window = probe.OpenWindow(target.process(), options);
  const double attach_ms = 1e3 * Seconds(attach);
  if (!window.ok()) {
    std::printf("%-34s %-8s %s\n", python.c_str(), name,
                window.status().ToString().c_str());
    return;
  }
  const double probed_ns = RunNs(target);
  const bpf::WindowProgress progress = window->Progress();
  const auto detach = std::chrono::steady_clock::now();
  window->Close();
  const double detach_ms = 1e3 * Seconds(detach);
  const auto hits = static_cast<double>(progress.hits);
  std::printf(
      "%-34s %-8s %7.0f hits %9.0f hits/s %7.0f ns/hit accounted %7.0f ns/hit "
      "by the target's clock; attach %.1f ms, detach and read %.1f ms\n",
      python.c_str(), name, hits, hits / probed_ns * 1e9,
      hits > 0 ? progress.cost_ns / hits : 0,
      hits > 0 ? (probed_ns - bare_ns) / hits : 0, attach_ms, detach_ms);
}

int Main(std::vector<std::string> pythons) {
  bpf::KernelSupport kernel = bpf::KernelSupport::Detect();
  std::printf("%s\n", kernel.Describe().c_str());
  const auto begin = std::chrono::steady_clock::now();
  const auto costs = bpf::CalibrateHitCosts(kernel);
  if (!costs.ok()) {
    std::printf("%s\n", costs.status().ToString().c_str());
    return 1;
  }
  std::printf("calibration: push %.0f ns, mov %.0f ns per hit (took %.0f ms)\n",
              costs->emulated_ns, costs->single_stepped_ns,
              1e3 * Seconds(begin));
  if (pythons.empty()) {
    for (const std::string& python : testing::FindPythons()) {
      const int minor = testing::MinorOf(python);
      if (minor >= 11 && minor <= 13) pythons.push_back(python);
    }
  }
  while (kernel.Rung().ok()) {
    auto probe = bpf::AllocProbe::Create(kernel);
    if (!probe.ok()) break;
    std::printf("rung %s\n", bpf::UprobeRungName(probe->rung()));
    for (const std::string& python : pythons) {
      using core::ProbeKind;
      Measure(python, *probe, *costs, {ProbeKind::kTypeGenericAlloc}, "typed");
      Measure(python, *probe, *costs, {ProbeKind::kObjectMalloc}, "malloc");
      Measure(python, *probe, *costs, {ProbeKind::kObjectFree}, "free");
      Measure(python, *probe, *costs, {}, "all");
    }
    kernel.Refuse(probe->rung(), "measured already");
  }
  return 0;
}

}  // namespace
}  // namespace plimsoll

int main(int argc, char** argv) {
  return plimsoll::Main(std::vector<std::string>(argv + 1, argv + argc));
}

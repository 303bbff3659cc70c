#include "agent/bpf/hit_cost.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/thread_clock.h"
#include "agent/bpf/uprobe_link.h"
#include "bpf/calibrate.skel.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::bpf {
namespace {

// Not inlined, not merged, and without a prologue of the compiler's.
__attribute__((noinline, naked)) void BeginsWithPush() {
  __asm__("push %rbp; pop %rbp; ret");
}
__attribute__((noinline, naked)) void BeginsWithMov() {
  __asm__("mov %rdi, %rax; ret");
}

using Function = void (*)();

constexpr int kBatches = 21;
constexpr int kEmulatedCalls = 200;
constexpr int kSteppedCalls = 40;  // 21 x 40 x 20 us = 17 ms in a slow VM

struct OwnCode {
  std::string path;
  uint64_t file_offset = 0;
};

// Where a function of ours stands in its file, by /proc/self/maps.
absl::StatusOr<OwnCode> FindOwnCode(Function function) {
  const auto address = reinterpret_cast<uint64_t>(function);
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long begin = 0, end = 0, offset = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %*4s %lx", &begin, &end, &offset) !=
        3) {
      continue;
    }
    if (address < begin || address >= end) continue;
    char range[64];
    std::snprintf(range, sizeof(range), "/proc/self/map_files/%lx-%lx", begin,
                  end);
    return OwnCode{range, address - begin + offset};
  }
  return absl::InternalError("our own code is in no mapping");
}

double MedianNsPerCall(Function function, int calls) {
  std::vector<double> batches;
  for (int batch = 0; batch < kBatches; ++batch) {
    const int64_t begin = ThreadCpuNs();
    for (int i = 0; i < calls; ++i) function();
    batches.push_back(static_cast<double>(ThreadCpuNs() - begin) / calls);
  }
  std::nth_element(batches.begin(), batches.begin() + kBatches / 2,
                   batches.end());
  return batches[kBatches / 2];
}

absl::StatusOr<double> MeasureHit(bpf_program* program, UprobeRung rung,
                                  Function function, int calls,
                                  bool at_return = false) {
  PLIMSOLL_ASSIGN_OR_RETURN(const OwnCode code, FindOwnCode(function));
  const double bare_ns = MedianNsPerCall(function, calls);
  UprobeSite site;
  site.file_offset = code.file_offset;
  PLIMSOLL_ASSIGN_OR_RETURN(
      const UprobeLinks links,
      AttachUprobes(program, rung, code.path, ::getpid(), {site}, at_return));
  const double hit_ns = MedianNsPerCall(function, calls) - bare_ns;
  // A probe that was not hit costs nothing: no trap is this cheap.
  if (hit_ns < 20) {
    return absl::InternalError(
        absl::StrCat("calibration: the probe was not hit (", hit_ns, " ns)"));
  }
  return hit_ns;
}

}  // namespace

absl::StatusOr<core::HitCosts> CalibrateHitCosts(const KernelSupport& kernel) {
  PLIMSOLL_ASSIGN_OR_RETURN(const UprobeRung rung, kernel.Rung());
  PLIMSOLL_ASSIGN_OR_RETURN(auto skeleton,
                            Skeleton<plimsoll_calibrate>::Open("calibrate"));
  PrepareForRung(skeleton->progs.handle_nothing, rung);
  PLIMSOLL_RETURN_IF_ERROR(skeleton.Load());
  core::HitCosts costs;
  PLIMSOLL_ASSIGN_OR_RETURN(costs.emulated_ns,
                            MeasureHit(skeleton->progs.handle_nothing, rung,
                                       BeginsWithPush, kEmulatedCalls));
  PLIMSOLL_ASSIGN_OR_RETURN(costs.single_stepped_ns,
                            MeasureHit(skeleton->progs.handle_nothing, rung,
                                       BeginsWithMov, kSteppedCalls));
  return costs;
}

absl::StatusOr<double> CalibrateReturnCost(const KernelSupport& kernel,
                                           const core::HitCosts& costs) {
  if (!kernel.return_probes()) {
    return absl::FailedPreconditionError(kernel.return_probe_refusal);
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const UprobeRung rung, kernel.Rung());
  PLIMSOLL_ASSIGN_OR_RETURN(auto skeleton,
                            Skeleton<plimsoll_calibrate>::Open("calibrate"));
  PrepareForRung(skeleton->progs.handle_nothing, rung);
  PLIMSOLL_RETURN_IF_ERROR(skeleton.Load());
  PLIMSOLL_ASSIGN_OR_RETURN(const double both_ns,
                            MeasureHit(skeleton->progs.handle_nothing, rung,
                                       BeginsWithPush, kEmulatedCalls, true));
  return std::max(both_ns - costs.emulated_ns, 0.0);
}

}  // namespace plimsoll::bpf

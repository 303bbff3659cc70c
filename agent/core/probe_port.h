// The agent's probes (tiers 1, 4 and 5), as the loop sees them: what agent/bpf
// offers, put behind one port by the agent's wiring, and a fake in tests. All
// calls and callbacks are on the loop thread. Implementations enforce the
// overhead bounds of the design themselves and say when they did.
#ifndef PLIMSOLL_AGENT_CORE_PROBE_PORT_H_
#define PLIMSOLL_AGENT_CORE_PROBE_PORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "agent/core/native_stack.h"
#include "agent/core/process.h"
#include "agent/core/python_layout.h"
#include "agent/core/snapshot.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::core {

// Counts by stack before the stacks are named.
struct RawProfile {
  StackProfile profile;  // all but `stacks`; types by address only
  std::vector<RawStack> stacks;
  // Of native code, one beside each stack; to be unwound (native_rows.h).
  std::vector<NativeSnapshot> snapshots;
  std::map<std::string, int64_t> losses;  // by drop reason
};

struct Tier1Sample {
  std::vector<GcPauses> pauses;  // by generation, since the last Collect
  std::optional<RawProfile> growth;
  std::map<std::string, int64_t> losses;
  // Why a probe that had been attached is not now; "" while it is.
  std::string gc_refusal;
  std::string growth_refusal;
};

struct WindowRequest {
  int64_t duration_ns = 0;
  bool object_malloc = false;
  std::vector<uint64_t> known_types;  // addresses that the census knows
};

struct BirthRequest {
  int64_t duration_ns = 0;
  std::string type;
  uint64_t type_address = 0;  // 0: no type, the growth of malloc
};

// What the governor did in one tier since the start.
struct TierUsage {
  int64_t granted = 0;
  int64_t refused = 0;
  int64_t revoked = 0;
  int64_t cost_ns = 0;
  // Of the budget of the process that has least, what is left: 1 is all.
  double least_left = 1;
};

struct ProbeUsage {
  int64_t hits = 0;
  int64_t cost_ns = 0;  // hits x calibrated cost
  // Tier 1 probes that were detached because their budget was spent: so many
  // since the start, so many at this moment.
  int64_t revoked_total = 0;
  int64_t revoked = 0;
  // Processes that SIGTRAP ended after they had been probed: at the first one,
  // probing ends on this node.
  int64_t trapped = 0;
  TierUsage tier1, tier4;
  // What a hit costs here, measured at start; 0: not known.
  double emulated_hit_ns = 0;
  double single_stepped_hit_ns = 0;
  double watchpoint_hit_ns = 0;
  double page_fault_hit_ns = 0;
};

class ProbePort {
 public:
  using WindowDone = absl::AnyInvocable<void(absl::StatusOr<RawProfile>)>;

  virtual ~ProbePort() = default;

  // How uprobes are attached here: "uprobe_multi", "tracefs", "perf"; "" when
  // they cannot be, and then refusal() says why.
  virtual std::string rung() const = 0;
  virtual std::string refusal() const = 0;
  // Why the rungs that do not work do not, by their names.
  virtual std::map<std::string, std::string> rung_refusals() const {
    return {};
  }
  // Why births cannot be followed on this machine; "" where they can.
  virtual std::string watch_refusal() const {
    return "births cannot be watched here";
  }

  // Tier 1, until Detach. The result is the rung ("usdt", "uprobe_multi",
  // "page-faults") or why not.
  virtual absl::StatusOr<std::string> AttachGc(const ProcessId& id,
                                               const PythonProcess& python) = 0;
  virtual absl::StatusOr<std::string> AttachGrowth(
      const ProcessId& id, const PythonProcess& python) = 0;
  // The same for a Python that is refused by name: growth by native stacks.
  virtual absl::StatusOr<std::string> AttachNativeGrowth(const ProcessId& id) {
    (void)id;
    return absl::UnimplementedError("native stacks are not sampled here");
  }
  virtual void Detach(const ProcessId& id) = 0;
  virtual Tier1Sample Collect(const ProcessId& id) = 0;

  // Tier 4. kResourceExhausted: refused or ended by the governor, in words.
  virtual void OpenWindow(const ProcessId& id, const PythonProcess& python,
                          const WindowRequest& request, WindowDone done) = 0;

  // Tiers 4 and 5, followed to what stays: births of one type, or of malloc's
  // chunks (birth_run.h).
  // kFailedPrecondition: no watchpoints here; else as OpenWindow.
  virtual void WatchBirths(const ProcessId& id, const PythonProcess& python,
                           const BirthRequest& request, WindowDone done) {
    (void)id, (void)python, (void)request;
    done(absl::UnimplementedError(watch_refusal()));
  }

  virtual ProbeUsage usage() const = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_PROBE_PORT_H_

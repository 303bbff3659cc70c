#include "cli/process/discovery.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/process/process_facts.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

using core::Tier;
using core::TierStatus;

// An image is the same one as long as pid, start and the addresses that exec
// draws anew are.
uint32_t ImageOf(const procfs::ProcStat& stat) {
  return static_cast<uint32_t>((stat.start_code >> 12) ^
                               (stat.start_stack >> 4));
}

std::string MessageOf(const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) {
    return "may not be read: run as root or with CAP_SYS_PTRACE";
  }
  return std::string(status.message().data(), status.message().size());
}

TierStatus Seen(Tier tier) { return {.tier = tier, .ok = true}; }
TierStatus NotSeen(Tier tier, std::string reason) {
  return {.tier = tier, .ok = false, .reason = std::move(reason)};
}

void AddLaterTiers(const std::string& no_native,
                   std::vector<TierStatus>& tiers) {
  tiers.push_back(no_native.empty() ? Seen(Tier::kNative)
                                    : NotSeen(Tier::kNative, no_native));
  tiers.push_back(NotSeen(Tier::kHolders, "this version does not measure it"));
  tiers.push_back(NotSeen(Tier::kRequests,
                          "the agent reads request counts, not this command"));
}

std::string BaseName(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace

std::vector<TierStatus> TiersOf(
    const absl::StatusOr<core::PythonProcess>& python) {
  std::vector<TierStatus> tiers = {Seen(Tier::kMemory)};
  if (!python.ok()) {
    for (const Tier tier :
         {Tier::kGc, Tier::kHeaders, Tier::kCensus, Tier::kStacks}) {
      tiers.push_back(NotSeen(tier, MessageOf(python.status())));
    }
    AddLaterTiers(MessageOf(python.status()), tiers);
    return tiers;
  }
  tiers.push_back(python->gc.refusal.empty()
                      ? Seen(Tier::kGc)
                      : NotSeen(Tier::kGc, python->gc.refusal));
  const std::string& no_pools = python->heap_refusal;
  const bool pools = no_pools.empty();
  for (const Tier tier : {Tier::kHeaders, Tier::kCensus}) {
    tiers.push_back(pools ? Seen(tier) : NotSeen(tier, no_pools));
  }
  const std::string& refusal = python->build.probe_refusal;
  tiers.push_back(refusal.empty() ? Seen(Tier::kStacks)
                                  : NotSeen(Tier::kStacks, refusal));
  const std::string& malloc = python->native_allocator;
  AddLaterTiers(malloc == "glibc" ? ""
                                  : "its malloc is " + malloc +
                                        ", and only glibc's can be "
                                        "followed",
                tiers);
  return tiers;
}

bool LooksLikePython(std::string_view comm,
                     const std::vector<std::string>& arguments) {
  const std::string program = arguments.empty() ? "" : BaseName(arguments[0]);
  const auto is_python = [](std::string_view name) {
    return name.substr(0, 6) == "python" || name.substr(0, 5) == "uwsgi";
  };
  return is_python(comm) || is_python(program);
}

absl::StatusOr<Discovery> Discovery::Make() {
  procfs::ProcRoot proc;
  std::vector<procfs::CgroupMount> mounts;
  if (auto read = proc.ReadCgroupMounts(); read.ok()) mounts = *read;
  PLIMSOLL_ASSIGN_OR_RETURN(auto inspector,
                            inspector::BlockingInspector::Make());
  return Discovery(std::move(inspector),
                   procfs::CgroupReader(std::move(mounts)));
}

const Discovery::Known* Discovery::Recognize(int32_t pid) {
  const auto stat = proc_.ReadStat(pid);
  if (!stat.ok() || stat->state == 'Z') {
    known_.erase(pid);
    return nullptr;
  }
  const core::ProcessId id = {
      .pid = pid, .start_ticks = stat->start_ticks, .exec_seq = ImageOf(*stat)};
  if (auto found = known_.find(pid);
      found != known_.end() && found->second.id == id) {
    found->second.parent_pid = stat->parent_pid;  // a parent may end
    return &found->second;
  }
  Known known{.id = id,
              .parent_pid = stat->parent_pid,
              .description = {},
              .python = inspector_->Identify(pid)};
  const auto arguments = proc_.ReadCmdline(pid);
  const bool named = arguments.ok() && LooksLikePython(stat->comm, *arguments);
  // Not a Python at all says kNotFound; any other failure of one that calls
  // itself Python is worth a row that says why.
  known.is_python = known.python.ok() ||
                    absl::IsUnimplemented(known.python.status()) ||
                    (named && !absl::IsNotFound(known.python.status()));
  if (known.is_python) known.description = DescribeProcess(proc_, pid);
  return &(known_.insert_or_assign(pid, std::move(known)).first->second);
}

PsProcess Discovery::Describe(const Known& known) {
  PsProcess row;
  row.pid = known.id.pid;
  row.parent_pid = known.parent_pid;
  row.start_ticks = known.id.start_ticks;
  row.start_unix_s = StartUnixSeconds(known.id.start_ticks);
  row.workload = known.description.workload.name;
  row.command = known.description.command;
  row.tiers = TiersOf(known.python);
  row.refused_by_name = absl::IsUnimplemented(known.python.status());
  if (known.python.ok()) {
    row.python = VersionText(known.python->build.version);
    row.build_id = known.python->build.build_id;
  }
  const auto memory = proc_.ReadMemory(row.pid, known.id.start_ticks);
  if (memory.ok()) {
    row.rss_bytes = memory->rss_bytes;
    row.anon_bytes = memory->anon_bytes;
  } else {
    row.tiers[0] = NotSeen(Tier::kMemory, MessageOf(memory.status()));
  }
  if (const auto membership = proc_.ReadCgroup(row.pid); membership.ok()) {
    if (const auto cgroup = cgroups_.Read(*membership); cgroup.ok()) {
      row.limit_bytes = cgroup->limit_bytes;
    }
  }
  return row;
}

absl::StatusOr<std::vector<PsProcess>> Discovery::Scan() {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<int32_t> pids, proc_.ListPids());
  std::vector<PsProcess> rows;
  for (const int32_t pid : pids) {
    const Known* known = Recognize(pid);
    if (known != nullptr && known->is_python) rows.push_back(Describe(*known));
  }
  const std::set<int32_t> alive(pids.begin(), pids.end());
  std::erase_if(known_, [&alive](const auto& entry) {
    return alive.count(entry.first) == 0;
  });
  return rows;
}

}  // namespace plimsoll::cli

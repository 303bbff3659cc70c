#include "cli/process/page_watch.h"

#include <utility>

#include "agent/core/fault_judge.h"
#include "cli/process/stack_names.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

// Why it does not watch, if it does not.
absl::Status Begin(Target& target, const bpf::KernelSupport& kernel,
                   core::FreshPages& pages,
                   std::optional<bpf::GrowthProbe>& out) {
  PLIMSOLL_ASSIGN_OR_RETURN(auto probe, bpf::GrowthProbe::Create(kernel));
  PLIMSOLL_ASSIGN_OR_RETURN(auto resident, target.ReadResidentPages());
  pages.Reset(std::move(resident));
  PLIMSOLL_RETURN_IF_ERROR(probe.Watch(target.python(), {}));
  out.emplace(std::move(probe));
  return absl::OkStatus();
}

}  // namespace

PageWatch::PageWatch(Target& target, const bpf::KernelSupport& kernel)
    : target_(target), status_(Begin(target, kernel, pages_, probe_)) {}

absl::StatusOr<core::StackProfile> PageWatch::Finish() {
  PLIMSOLL_RETURN_IF_ERROR(status_);
  PLIMSOLL_ASSIGN_OR_RETURN(const bpf::GrowthTaken taken,
                            probe_->Take(target_.subject().pid));
  PLIMSOLL_ASSIGN_OR_RETURN(const auto mappings, target_.ReadMappings());
  core::StackProfile profile;
  profile.kind = core::ProfileKind::kPage;
  profile.counts = bpf::CountGrowth(taken, [&](const bpf::GrowthSample& fault) {
    return core::IsGrowable(mappings, fault.address) &&
           pages_.Touch(fault.address);
  });
  FrameNames names;
  PLIMSOLL_ASSIGN_OR_RETURN(profile.stacks,
                            NameStacks(target_, taken.stacks, names));
  return profile;
}

}  // namespace plimsoll::cli

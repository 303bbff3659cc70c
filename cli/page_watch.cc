#include "cli/page_watch.h"

#include <utility>

#include "agent/core/native_growth.h"
#include "cli/stack_names.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
PageWatch::PageWatch(Target& target, const bpf::KernelSupport& kernel)
    : target_(target) {
  auto probe = bpf::GrowthProbe::Create(kernel);
  status_ = probe.ok() ? probe->Watch(target.python(), {}) : probe.status();
  if (status_.ok()) probe_.emplace(*std::move(probe));
}

absl::StatusOr<core::StackProfile> PageWatch::Finish() {
  PLIMSOLL_RETURN_IF_ERROR(status_);
  PLIMSOLL_ASSIGN_OR_RETURN(const bpf::GrowthTaken taken,
                            probe_->Take(target_.subject().pid));
  PLIMSOLL_ASSIGN_OR_RETURN(const auto mappings, target_.ReadMappings());
  core::StackProfile profile;
  profile.kind = core::ProfileKind::kPage;
  profile.counts = bpf::CountGrowth(taken, [&mappings](uint64_t address) {
    return core::IsGrowthAt(mappings, address);
  });
  FrameNames names;
  PLIMSOLL_ASSIGN_OR_RETURN(profile.stacks,
                            NameStacks(target_, taken.stacks, names));
  return profile;
}

}  // namespace plimsoll::cli

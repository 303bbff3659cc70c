#include "cli/process/target.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/core/native_growth.h"
#include "cli/process/process_facts.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {

absl::StatusOr<Target> Target::Open(int32_t pid) {
  PLIMSOLL_ASSIGN_OR_RETURN(Target target, OpenEvenRefused(pid));
  if (!target.refusal_.empty()) {
    return absl::UnimplementedError(target.refusal_);
  }
  return target;
}

absl::StatusOr<Target> Target::OpenEvenRefused(int32_t pid) {
  procfs::ProcRoot proc;
  auto stat = proc.ReadStat(pid);
  if (absl::IsNotFound(stat.status())) {
    return absl::NotFoundError(absl::StrCat("no process has the pid ", pid));
  }
  if (!stat.ok()) return stat.status();
  PLIMSOLL_ASSIGN_OR_RETURN(auto inspector,
                            inspector::BlockingInspector::Make());
  Target target(proc, std::move(inspector));
  target.start_ticks_ = stat->start_ticks;
  target.subject_.pid = pid;
  target.subject_.start_unix_s = StartUnixSeconds(stat->start_ticks);
  target.subject_.workload = DescribeProcess(proc, pid).workload.name;
  auto python = target.inspector_->Identify(pid);
  if (absl::IsUnimplemented(python.status())) {
    const absl::Status refused = target.Explain(python.status());
    if (!absl::IsUnimplemented(refused)) return refused;
    target.refusal_ = std::string(refused.message());
    target.python_ = core::RefusedProcess(pid, stat->start_ticks);
    return target;
  }
  if (!python.ok()) return target.Explain(python.status());
  target.python_ = *std::move(python);
  target.subject_.python = VersionText(target.python_.build.version);
  return target;
}

absl::Status Target::CheckAlive() const {
  auto stat = proc_.ReadStat(subject_.pid);
  if (stat.ok() && stat->start_ticks == start_ticks_ && stat->state != 'Z') {
    return absl::OkStatus();
  }
  if (!stat.ok() && !absl::IsNotFound(stat.status())) return stat.status();
  return absl::NotFoundError(
      absl::StrCat("process ", subject_.pid, " has ended"));
}

// The inspector says kNotFound both of a process that is gone and of one that
// is no Python; only /proc can tell them apart.
absl::Status Target::Explain(const absl::Status& status) const {
  PLIMSOLL_RETURN_IF_ERROR(CheckAlive());
  const std::string reason(status.message().data(), status.message().size());
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return absl::UnimplementedError(absl::StrCat(
          "process ", subject_.pid, " is no Python process (", reason, ")"));
    case absl::StatusCode::kUnimplemented:
      return absl::UnimplementedError(
          absl::StrCat("process ", subject_.pid, " cannot be read: ", reason));
    default:
      return status;
  }
}

absl::StatusOr<core::MemorySample> Target::ReadMemory() const {
  return proc_.ReadMemory(subject_.pid, start_ticks_);
}

absl::StatusOr<std::vector<core::Mapping>> Target::ReadMappings() const {
  return proc_.ReadMaps(subject_.pid);
}

absl::StatusOr<core::HeapCensus> Target::TakeCensus(
    const core::CensusOptions& options) {
  PLIMSOLL_RETURN_IF_ERROR(CheckAlive());
  auto census = inspector_->TakeCensus(python_, options);
  if (!census.ok()) return Explain(census.status());
  return census;
}

absl::StatusOr<std::vector<core::Frame>> Target::Symbolize(
    std::vector<core::RawFrame> frames) {
  auto named = inspector_->Symbolize(python_, std::move(frames));
  if (!named.ok()) return Explain(named.status());
  return named;
}

absl::StatusOr<core::BirthFindings> Target::LookAtBirths(core::BirthLook look) {
  auto found = inspector_->LookAtBirths(python_, std::move(look));
  if (!found.ok()) return Explain(found.status());
  return found;
}

absl::StatusOr<std::vector<core::PageRange>> Target::ReadResidentPages() {
  auto pages = inspector_->ReadResidentPages(python_);
  if (!pages.ok()) return Explain(pages.status());
  return pages;
}

absl::StatusOr<std::vector<core::NativeStack>> Target::UnwindStacks(
    const std::vector<core::NativeSnapshot>& snapshots) {
  auto stacks = inspector_->UnwindStacks(python_, snapshots);
  if (!stacks.ok()) return Explain(stacks.status());
  return stacks;
}

absl::StatusOr<core::MallocSites> Target::FindMallocSites() {
  auto sites = inspector_->FindMallocSites(python_);
  if (absl::IsUnimplemented(sites.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("its malloc cannot be probed: ",
                     std::string(sites.status().message())));
  }
  if (!sites.ok()) return Explain(sites.status());
  return sites;
}

absl::StatusOr<std::vector<bool>> Target::CheckChunks(
    const std::vector<core::BlockClaim>& claims) {
  auto in_use = inspector_->CheckChunks(python_, claims);
  if (!in_use.ok()) return Explain(in_use.status());
  return in_use;
}

}  // namespace plimsoll::cli

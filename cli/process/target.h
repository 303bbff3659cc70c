// The process that a node verb looks at: opened once, checked again before
// each look, so that a pid which was given to another process is never taken
// for it. Owns the inspector's child. Main thread only.
#ifndef PLIMSOLL_CLI_PROCESS_TARGET_H_
#define PLIMSOLL_CLI_PROCESS_TARGET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/birth_look.h"
#include "agent/core/fresh_pages.h"
#include "agent/core/heap_census.h"
#include "agent/core/malloc_sites.h"
#include "agent/core/memory_sample.h"
#include "agent/core/native_stack.h"
#include "agent/core/python_layout.h"
#include "agent/core/stack_profile.h"
#include "agent/inspector/blocking_inspector.h"
#include "agent/procfs/proc_root.h"
#include "cli/report/document.h"

namespace plimsoll::cli {

class Target {
 public:
  // kNotFound no such process; kPermissionDenied; kUnimplemented it is not a
  // Python that can be read, with the reason.
  static absl::StatusOr<Target> Open(int32_t pid);
  // Also opens a Python of a build that cannot be read; refusal() then says
  // why, and of python() only pid and start are known.
  static absl::StatusOr<Target> OpenEvenRefused(int32_t pid);

  const Subject& subject() const { return subject_; }
  const core::PythonProcess& python() const { return python_; }
  const std::string& refusal() const { return refusal_; }
  uint64_t start_ticks() const { return start_ticks_; }

  // kNotFound when the process that was opened has ended.
  absl::Status CheckAlive() const;
  absl::StatusOr<core::MemorySample> ReadMemory() const;
  absl::StatusOr<std::vector<core::Mapping>> ReadMappings() const;
  absl::StatusOr<core::HeapCensus> TakeCensus(
      const core::CensusOptions& options);
  absl::StatusOr<std::vector<core::Frame>> Symbolize(
      std::vector<core::RawFrame> frames);
  absl::StatusOr<core::BirthFindings> LookAtBirths(core::BirthLook look);
  absl::StatusOr<std::vector<core::NativeStack>> UnwindStacks(
      const std::vector<core::NativeSnapshot>& snapshots);
  // The pages of private anonymous memory that are in memory now, by address.
  absl::StatusOr<std::vector<core::PageRange>> ReadResidentPages();
  absl::StatusOr<core::MallocSites> FindMallocSites();
  // Whether each block is still in use (agent/heap/chunk_use.h).
  absl::StatusOr<std::vector<bool>> CheckChunks(
      const std::vector<core::BlockClaim>& claims);

 private:
  Target(procfs::ProcRoot proc, std::unique_ptr<inspector::BlockingInspector> i)
      : proc_(std::move(proc)), inspector_(std::move(i)) {}
  absl::Status Explain(const absl::Status& status) const;

  procfs::ProcRoot proc_;
  std::unique_ptr<inspector::BlockingInspector> inspector_;
  Subject subject_;
  core::PythonProcess python_;
  std::string refusal_;  // "": it can be read
  uint64_t start_ticks_ = 0;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_TARGET_H_

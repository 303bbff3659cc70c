// Samples of where a process takes fresh memory (its anonymous page faults),
// for as long as the object lives. Main thread only.
#ifndef PLIMSOLL_CLI_PROCESS_PAGE_WATCH_H_
#define PLIMSOLL_CLI_PROCESS_PAGE_WATCH_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/growth_probe.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/fresh_pages.h"
#include "agent/core/stack_profile.h"
#include "cli/process/target.h"

namespace plimsoll::cli {

class PageWatch {
 public:
  // The target must outlive it.
  PageWatch(Target& target, const bpf::KernelSupport& kernel);

  bool watching() const { return status_.ok(); }
  // Why it does not watch.
  const absl::Status& status() const { return status_; }
  // What was seen so far: faults that took a page of private anonymous memory
  // which was not there at the beginning, nor since (a copy on write, and what
  // was given back meanwhile and taken again, are no growth). Call once.
  absl::StatusOr<core::StackProfile> Finish();

 private:
  Target& target_;
  std::optional<bpf::GrowthProbe> probe_;
  core::FreshPages pages_;
  absl::Status status_;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_PAGE_WATCH_H_

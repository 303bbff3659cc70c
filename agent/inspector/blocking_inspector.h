// BlockingInspector: the same child for programs that have no loop, such as the
// command line. Each call waits for its answer; errors are those of
// core::Inspector. Under CLOCK_MONOTONIC.
//
// One owner, one thread, the one that called Make (child_process.h).
//
// Example:
//   PLIMSOLL_ASSIGN_OR_RETURN(auto inspector, BlockingInspector::Make());
//   PLIMSOLL_ASSIGN_OR_RETURN(auto python, inspector->Identify(pid));
//   PLIMSOLL_ASSIGN_OR_RETURN(auto census, inspector->TakeCensus(python, {}));
#ifndef PLIMSOLL_AGENT_INSPECTOR_BLOCKING_INSPECTOR_H_
#define PLIMSOLL_AGENT_INSPECTOR_BLOCKING_INSPECTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/inspector/inspector_client.h"

namespace plimsoll::inspector {

class BlockingInspector {
 public:
  // Called about ten times a second while a call waits, with the nanoseconds
  // since it began. False gives the call up: kCancelled.
  using Progress = std::function<bool(int64_t elapsed_ns)>;

  static absl::StatusOr<std::unique_ptr<BlockingInspector>> Make(
      InspectorOptions options = {.request_timeout_ns = 120'000'000'000});

  void set_progress(Progress progress) { progress_ = std::move(progress); }

  absl::StatusOr<core::PythonProcess> Identify(int32_t pid);
  absl::StatusOr<core::HeapCensus> TakeCensus(const core::PythonProcess& python,
                                              core::CensusOptions options);
  absl::StatusOr<std::vector<core::Frame>> Symbolize(
      const core::PythonProcess& python, std::vector<core::RawFrame> frames);
  // Any number of snapshots, in as many requests as that takes.
  absl::StatusOr<std::vector<core::NativeStack>> UnwindStacks(
      const core::PythonProcess& python,
      const std::vector<core::NativeSnapshot>& snapshots);
  absl::StatusOr<std::vector<core::PageRange>> ReadResidentPages(
      const core::PythonProcess& python);

  absl::StatusOr<core::BirthFindings> LookAtBirths(
      const core::PythonProcess& python, core::BirthLook look);

  absl::StatusOr<core::MallocSites> FindMallocSites(
      const core::PythonProcess& python);
  // Any number of claims.
  absl::StatusOr<std::vector<bool>> CheckChunks(
      const core::PythonProcess& python,
      const std::vector<core::BlockClaim>& claims);

  InspectorStats stats() const { return client_->stats(); }

 private:
  BlockingInspector(InspectorOptions options,
                    std::unique_ptr<InspectorClient> client)
      : options_(std::move(options)), client_(std::move(client)) {}
  template <typename T, typename Start>
  absl::StatusOr<T> Wait(Start start);

  const InspectorOptions options_;
  std::unique_ptr<InspectorClient> client_;
  Progress progress_;
};

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_BLOCKING_INSPECTOR_H_

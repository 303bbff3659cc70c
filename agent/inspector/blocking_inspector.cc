#include "agent/inspector/blocking_inspector.h"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "agent/inspector/malloc_codec.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::inspector {
namespace {

constexpr int64_t kStepNs = 100'000'000;

int64_t MonotonicNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockingInspector>> BlockingInspector::Make(
    InspectorOptions options) {
  PLIMSOLL_ASSIGN_OR_RETURN(auto client,
                            InspectorClient::Make(options, MonotonicNs));
  return std::unique_ptr<BlockingInspector>(
      new BlockingInspector(std::move(options), std::move(client)));
}

// The client's own deadlines bound the loop.
template <typename T, typename Start>
absl::StatusOr<T> BlockingInspector::Wait(Start start) {
  // Shared with the callback, which outlives this call when it is given up.
  auto answer = std::make_shared<std::optional<absl::StatusOr<T>>>();
  const int64_t began = MonotonicNs();
  start([answer](absl::StatusOr<T> result) { *answer = std::move(result); });
  while (!answer->has_value()) {
    const int64_t now = MonotonicNs();
    const int64_t until = std::min(
        client_->next_deadline_ns().value_or(now + kStepNs), now + kStepNs);
    pollfd ready{.fd = client_->fd(), .events = POLLIN, .revents = 0};
    ::poll(&ready, 1,
           static_cast<int>(std::max<int64_t>(0, until - now) / 1'000'000 + 1));
    client_->OnReadable();
    client_->OnTimer(MonotonicNs());
    if (!answer->has_value() && progress_ &&
        !progress_(MonotonicNs() - began)) {
      // A new child: the answer to this one must not meet the next question.
      PLIMSOLL_ASSIGN_OR_RETURN(client_,
                                InspectorClient::Make(options_, MonotonicNs));
      return absl::CancelledError("given up");
    }
  }
  return **std::move(answer);
}

absl::StatusOr<core::PythonProcess> BlockingInspector::Identify(int32_t pid) {
  return Wait<core::PythonProcess>(
      [&](auto done) { client_->Identify(pid, std::move(done)); });
}

absl::StatusOr<core::HeapCensus> BlockingInspector::TakeCensus(
    const core::PythonProcess& python, core::CensusOptions options) {
  return Wait<core::HeapCensus>([&](auto done) {
    client_->TakeCensus(python, options, std::move(done));
  });
}

absl::StatusOr<std::vector<core::Frame>> BlockingInspector::Symbolize(
    const core::PythonProcess& python, std::vector<core::RawFrame> frames) {
  return Wait<std::vector<core::Frame>>([&](auto done) {
    client_->Symbolize(python, std::move(frames), std::move(done));
  });
}

absl::StatusOr<std::vector<core::NativeStack>> BlockingInspector::UnwindStacks(
    const core::PythonProcess& python,
    const std::vector<core::NativeSnapshot>& snapshots) {
  std::vector<core::NativeStack> all;
  for (size_t at = 0; at < snapshots.size();) {
    const size_t end =
        std::min(snapshots.size(), at + core::kMostSnapshotsAtOnce);
    PLIMSOLL_ASSIGN_OR_RETURN(
        std::vector<core::NativeStack> some,
        Wait<std::vector<core::NativeStack>>([&](auto done) {
          client_->UnwindStacks(
              python, {snapshots.begin() + at, snapshots.begin() + end},
              std::move(done));
        }));
    std::move(some.begin(), some.end(), std::back_inserter(all));
    at = end;
  }
  return all;
}

absl::StatusOr<std::vector<core::PageRange>>
BlockingInspector::ReadResidentPages(const core::PythonProcess& python) {
  return Wait<std::vector<core::PageRange>>(
      [&](auto done) { client_->ReadResidentPages(python, std::move(done)); });
}

absl::StatusOr<core::MallocSites> BlockingInspector::FindMallocSites(
    const core::PythonProcess& python) {
  return Wait<core::MallocSites>(
      [&](auto done) { client_->FindMallocSites(python, std::move(done)); });
}

absl::StatusOr<std::vector<bool>> BlockingInspector::CheckChunks(
    const core::PythonProcess& python,
    const std::vector<core::BlockClaim>& claims) {
  std::vector<bool> all;
  for (size_t at = 0; at < claims.size();) {
    const size_t end =
        std::min(claims.size(), at + static_cast<size_t>(kMostChunksAtOnce));
    PLIMSOLL_ASSIGN_OR_RETURN(
        const std::vector<bool> some, Wait<std::vector<bool>>([&](auto done) {
          client_->CheckChunks(python,
                               {claims.begin() + at, claims.begin() + end},
                               std::move(done));
        }));
    all.insert(all.end(), some.begin(), some.end());
    at = end;
  }
  return all;
}

absl::StatusOr<core::BirthFindings> BlockingInspector::LookAtBirths(
    const core::PythonProcess& python, core::BirthLook look) {
  return Wait<core::BirthFindings>([&](auto done) {
    client_->LookAtBirths(python, std::move(look), std::move(done));
  });
}

}  // namespace plimsoll::inspector

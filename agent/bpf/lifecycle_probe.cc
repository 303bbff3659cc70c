#include "agent/bpf/lifecycle_probe.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/bpf/handles.h"
#include "bpf/lifecycle.skel.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/bpf_events.h"

namespace plimsoll::bpf {

struct LifecycleProbe::State {
  Skeleton<plimsoll_lifecycle> skeleton;
  RingBuffer ring;
  std::vector<LifecycleEvent> pending;
  uint64_t bad_records = 0;
  // Last, so that no event comes once the ring is gone.
  std::vector<BpfLink> links;
  bool sees_oom_victims = false;

  absl::Status Attach(bpf_program* program, const char* what);
  static int OnRecord(void* self, void* data, size_t size);
};

absl::Status LifecycleProbe::State::Attach(bpf_program* program,
                                           const char* what) {
  errno = 0;
  BpfLink link(bpf_program__attach(program));
  if (link == nullptr) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("attach to the kernel's ", what, " event"));
  }
  links.push_back(std::move(link));
  return absl::OkStatus();
}

int LifecycleProbe::State::OnRecord(void* self, void* data, size_t size) {
  auto* state = static_cast<State*>(self);
  plimsoll_lifecycle_event record;
  if (size < sizeof(record)) {
    ++state->bad_records;
    return 0;
  }
  std::memcpy(&record, data, sizeof(record));
  if (record.kind < PLIMSOLL_LIFECYCLE_EXEC ||
      record.kind > PLIMSOLL_LIFECYCLE_OOM_VICTIM) {
    ++state->bad_records;
    return 0;
  }
  state->pending.push_back({static_cast<LifecycleEvent::Kind>(record.kind),
                            static_cast<int32_t>(record.tgid), record.time_ns,
                            static_cast<int>(record.signal)});
  return 0;
}

LifecycleProbe::LifecycleProbe(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
LifecycleProbe::LifecycleProbe(LifecycleProbe&&) noexcept = default;
LifecycleProbe& LifecycleProbe::operator=(LifecycleProbe&&) noexcept = default;
LifecycleProbe::~LifecycleProbe() = default;

absl::StatusOr<LifecycleProbe> LifecycleProbe::Create(
    const KernelSupport& kernel) {
  if (!kernel.lifecycle_refusal.empty()) {
    return absl::FailedPreconditionError(kernel.lifecycle_refusal);
  }
  auto state = std::make_unique<State>();
  PLIMSOLL_ASSIGN_OR_RETURN(state->skeleton,
                            Skeleton<plimsoll_lifecycle>::Open("lifecycle"));
  PLIMSOLL_RETURN_IF_ERROR(state->skeleton.Load());
  errno = 0;
  state->ring.reset(ring_buffer__new(bpf_map__fd(state->skeleton->maps.events),
                                     &State::OnRecord, state.get(), nullptr));
  if (state->ring == nullptr) {
    return absl::ErrnoToStatus(errno, "map the ring buffer of lifecycle");
  }
  PLIMSOLL_RETURN_IF_ERROR(
      state->Attach(state->skeleton->progs.handle_exec, "exec"));
  PLIMSOLL_RETURN_IF_ERROR(
      state->Attach(state->skeleton->progs.handle_exit, "exit"));
  // Without this one, /proc and the cgroup still count OOM kills.
  state->sees_oom_victims =
      state->Attach(state->skeleton->progs.handle_oom_victim, "OOM").ok();
  return LifecycleProbe(std::move(state));
}

int LifecycleProbe::fd() const {
  return ring_buffer__epoll_fd(state_->ring.get());
}

std::vector<LifecycleEvent> LifecycleProbe::Drain() {
  ring_buffer__consume(state_->ring.get());
  return std::exchange(state_->pending, {});
}

uint64_t LifecycleProbe::lost() const {
  return state_->skeleton->bss->lost_events;
}
uint64_t LifecycleProbe::bad_records() const { return state_->bad_records; }
bool LifecycleProbe::sees_oom_victims() const {
  return state_->sees_oom_victims;
}

}  // namespace plimsoll::bpf

// Exec and exit events of a child that we start ourselves.
#include "agent/bpf/lifecycle_probe.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

int64_t Count(const std::vector<LifecycleEvent>& events,
              LifecycleEvent::Kind kind, int32_t pid) {
  int64_t count = 0;
  for (const LifecycleEvent& event : events) {
    if (event.kind == kind && event.pid == pid) ++count;
  }
  return count;
}

TEST(LifecycleProbeTest, OneExecAndOneExitPerProcess) {
  PLIMSOLL_NEEDS_BPF();
  absl::StatusOr<LifecycleProbe> probe =
      LifecycleProbe::Create(KernelSupport::Detect());
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_TRUE(probe->sees_oom_victims());
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(127);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  pollfd poll{.fd = probe->fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&poll, 1, 5000), 1);
  const std::vector<LifecycleEvent> events = probe->Drain();
  EXPECT_EQ(Count(events, LifecycleEvent::Kind::kExec, child), 1);
  EXPECT_EQ(Count(events, LifecycleEvent::Kind::kExit, child), 1);
  EXPECT_EQ(probe->lost(), 0u);
  EXPECT_EQ(probe->bad_records(), 0u);
}

TEST(LifecycleProbeTest, AThreadThatEndsIsNoExit) {
  PLIMSOLL_NEEDS_BPF();
  absl::StatusOr<LifecycleProbe> probe =
      LifecycleProbe::Create(KernelSupport::Detect());
  ASSERT_TRUE(probe.ok()) << probe.status();
  std::thread([] {}).join();
  EXPECT_EQ(Count(probe->Drain(), LifecycleEvent::Kind::kExit, ::getpid()), 0);
}

}  // namespace
}  // namespace plimsoll::bpf

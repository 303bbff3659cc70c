// Exec and exit events of a child that we start ourselves.
#include "agent/bpf/lifecycle_probe.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
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

// The signal that ended it, also where another thread than the first got it,
// and none where it ended by itself, with whatever status.
TEST(LifecycleProbeTest, AnExitNamesTheSignalThatEndedIt) {
  PLIMSOLL_NEEDS_BPF();
  absl::StatusOr<LifecycleProbe> probe =
      LifecycleProbe::Create(KernelSupport::Detect());
  ASSERT_TRUE(probe.ok()) << probe.status();
  std::map<pid_t, int> expected;
  for (const int signal : {SIGTRAP, SIGKILL, -SIGTRAP, 0}) {
    const pid_t child = ::fork();
    if (child == 0) {
      const rlimit no_core = {0, 0};
      ::setrlimit(RLIMIT_CORE, &no_core);
      if (signal > 0) ::raise(signal);
      if (signal < 0) {
        std::thread([signal] { ::raise(-signal); }).join();
      }
      ::_exit(SIGTRAP);
    }
    expected[child] = std::abs(signal);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  }
  std::map<pid_t, int> seen;
  for (const LifecycleEvent& event : probe->Drain()) {
    if (event.kind != LifecycleEvent::Kind::kExit) continue;
    if (expected.contains(event.pid)) seen[event.pid] = event.signal;
  }
  EXPECT_EQ(seen, expected);
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

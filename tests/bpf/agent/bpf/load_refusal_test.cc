// What is said of a program that a real kernel does not take, and of one that
// it would take from others.
#include "agent/core/load_refusal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <initializer_list>
#include <string>
#include <thread>

#include "agent/bpf/handles.h"
#include "agent/core/self_check.h"
#include "bpf/refused.skel.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

absl::Status LoadRefused() {
  auto skeleton = Skeleton<plimsoll_refused>::Open("refused");
  if (!skeleton.ok()) return skeleton.status();
  return skeleton->Load();
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

// Of this thread alone.
bool Drop(std::initializer_list<core::Capability> capabilities) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3,
                                     .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  for (const core::Capability capability : capabilities) {
    const auto bit = static_cast<unsigned>(capability);
    data[bit / 32].effective &= ~(1U << bit % 32);
  }
  return ::syscall(SYS_capset, &header, data) == 0;
}

TEST(LoadRefusalOnThisKernel, AProgramThatTheVerifierRefusesIsNoMissingRight) {
  PLIMSOLL_NEEDS_BPF();
  const absl::Status status = LoadRefused();
  EXPECT_TRUE(core::IsVerifierRefusal(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("invalid mem access"));
  EXPECT_THAT(Message(status), Not(HasSubstr("root")));
}

TEST(LoadRefusalOnThisKernel, AMissingRightIsNamed) {
  PLIMSOLL_NEEDS_BPF();
  absl::Status status;
  std::thread([&status] {
    ASSERT_TRUE(
        Drop({core::Capability::kSysAdmin, core::Capability::kPerfmon}));
    status = LoadRefused();
  }).join();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(Message(status), AllOf(HasSubstr("grant CAP_PERFMON, or run it"),
                                     Not(HasSubstr("CAP_BPF"))));
}

}  // namespace
}  // namespace plimsoll::bpf

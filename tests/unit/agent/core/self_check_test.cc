#include "agent/core/self_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace plimsoll::core {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const absl::Status kRefused = absl::PermissionDeniedError("not permitted");

Surroundings WithTheFive() {
  Surroundings s;
  s.kernel = "6.1.0";
  for (const Capability capability : kUsedCapabilities) {
    s.capabilities |= uint64_t{1} << static_cast<int>(capability);
  }
  s.btf = true;
  s.cgroup_v2 = true;
  return s;
}

Surroundings Without(Capability capability) {
  Surroundings s = WithTheFive();
  s.capabilities &= ~(uint64_t{1} << static_cast<int>(capability));
  return s;
}

std::set<std::string> Lost(const SelfCheck& check) {
  std::set<std::string> lost;
  for (const TierCheck& row : check.tiers) {
    if (!row.works) lost.insert(row.tier);
  }
  return lost;
}

const TierCheck& Of(const SelfCheck& check, const std::string& tier) {
  for (const TierCheck& row : check.tiers) {
    if (row.tier == tier) return row;
  }
  ADD_FAILURE() << "no tier " << tier;
  return check.tiers.front();
}

TEST(SelfCheckTest, WhatWorkedNeedsNoRemedy) {
  Trials trials;
  trials.uprobe_rung = "uprobe_multi";
  const SelfCheck check = Judge(WithTheFive(), trials);
  EXPECT_TRUE(check.all_work());
  EXPECT_THAT(check.notes, IsEmpty());
  EXPECT_EQ(Of(check, "gc").how, "uprobe_multi");
  EXPECT_EQ(Of(check, "limits").how, "cgroup v2");
  for (const TierCheck& row : check.tiers) {
    EXPECT_EQ(row.reason + row.remedy, "") << row.tier;
  }
}

// A trial decides, not the capabilities: a kernel may give what is not granted.
TEST(SelfCheckTest, AMissingCapabilityAloneLosesNothing) {
  Surroundings none;
  none.cgroup_v1 = true;
  EXPECT_TRUE(Judge(none, {}).all_work());
}

TEST(SelfCheckTest, WithoutPtraceMemoryAndCensusAreLostAndItIsNamed) {
  Trials trials;
  trials.read_process = trials.read_memory = trials.inspector = kRefused;
  const SelfCheck check = Judge(Without(Capability::kSysPtrace), trials);
  EXPECT_THAT(Lost(check), UnorderedElementsAre("memory", "headers", "census"));
  EXPECT_THAT(Of(check, "census").remedy, HasSubstr("grant CAP_SYS_PTRACE"));
  EXPECT_EQ(Of(check, "census").reason, "not permitted");
  EXPECT_THAT(check.notes, Contains(HasSubstr("does not start at all")));
}

// Yama's scope 3 refuses process_vm_readv, but not /proc/PID/maps.
TEST(SelfCheckTest, YamaIsNamedWhereTheCapabilityIsThere) {
  Surroundings s = WithTheFive();
  s.yama_scope = 3;
  Trials trials;
  trials.read_memory = trials.inspector = kRefused;
  const SelfCheck check = Judge(s, trials);
  EXPECT_THAT(Lost(check), UnorderedElementsAre("headers", "census"));
  EXPECT_THAT(Of(check, "census").remedy, HasSubstr("ptrace_scope is 3"));
  EXPECT_THAT(Of(check, "census").remedy, Not(HasSubstr("grant")));
  EXPECT_THAT(check.notes, Contains(HasSubstr("no process can be read")));
}

TEST(SelfCheckTest, AppArmorIsNamedThenSeccomp) {
  Surroundings s = WithTheFive();
  s.security_label = "cri-containerd.apparmor.d (enforce)";
  s.seccomp_mode = 2;
  Trials trials;
  trials.read_memory = kRefused;
  EXPECT_THAT(Of(Judge(s, trials), "census").remedy,
              HasSubstr("cri-containerd.apparmor.d (enforce)"));
  for (const char* open : {"unconfined", "system_u:system_r:spc_t:s0", "",
                           "docker-default (complain)"}) {
    s.security_label = open;
    EXPECT_THAT(Of(Judge(s, trials), "census").remedy, HasSubstr("seccomp"))
        << open;
  }
}

TEST(SelfCheckTest, WithoutBpfEveryProbeIsLostAndTheCensusIsNot) {
  for (const Capability missing : {Capability::kBpf, Capability::kPerfmon}) {
    Trials trials;
    trials.load_bpf = kRefused;
    const SelfCheck check = Judge(Without(missing), trials);
    EXPECT_THAT(Lost(check),
                UnorderedElementsAre("gc", "growth", "stacks", "births",
                                     "native", "events"));
    for (const char* tier : {"gc", "births", "events"}) {
      EXPECT_THAT(Of(check, tier).remedy, HasSubstr(CapabilityName(missing)));
    }
  }
}

TEST(SelfCheckTest, LockdownIsNamedBeforeCapabilities) {
  Surroundings s = Without(Capability::kBpf);
  s.lockdown = "confidentiality";
  Trials trials;
  trials.load_bpf = kRefused;
  EXPECT_THAT(Of(Judge(s, trials), "gc").remedy, HasSubstr("locked down"));
  s.lockdown = "integrity";
  EXPECT_THAT(Of(Judge(s, trials), "gc").remedy, HasSubstr("CAP_BPF"));
}

TEST(SelfCheckTest, UprobesNeedMappedFilesAndARung) {
  Trials trials;
  trials.uprobes = trials.mapped_files = kRefused;
  SelfCheck check = Judge(Without(Capability::kCheckpointRestore), trials);
  EXPECT_THAT(Lost(check), UnorderedElementsAre("gc", "stacks"));
  EXPECT_THAT(Of(check, "gc").remedy, HasSubstr("CAP_CHECKPOINT_RESTORE"));
  // The fix of CVE-2025-38466 before 6.6: perf uprobes want CAP_SYS_ADMIN.
  trials.mapped_files = absl::OkStatus();
  trials.uprobe_rung = "perf";
  check = Judge(WithTheFive(), trials);
  EXPECT_THAT(Of(check, "stacks").remedy,
              HasSubstr("mount the host's tracefs"));
  EXPECT_THAT(Of(check, "stacks").remedy, HasSubstr("6.6"));
}

TEST(SelfCheckTest, ParanoidPerfIsNamedByItsNumber) {
  Trials trials;
  trials.page_faults = trials.native = kRefused;
  Surroundings s = Without(Capability::kPerfmon);
  s.perf_event_paranoid = 2;
  EXPECT_THAT(Of(Judge(s, trials), "growth").remedy,
              HasSubstr("kernel.perf_event_paranoid lower than 2"));
  s = WithTheFive();
  s.perf_event_paranoid = 4;
  EXPECT_THAT(Of(Judge(s, trials), "native").remedy, HasSubstr("above 2"));
}

TEST(SelfCheckTest, NoDebugRegisterIsNoMatterOfRights) {
  Trials trials;
  trials.births = absl::FailedPreconditionError(
      "no debug register is free (a debugger attached?), or this machine "
      "offers none");
  const SelfCheck check = Judge(Without(Capability::kPerfmon), trials);
  EXPECT_THAT(Lost(check), UnorderedElementsAre("births"));
  EXPECT_THAT(Of(check, "births").remedy, HasSubstr("virtual machines"));
}

TEST(SelfCheckTest, ClosedFilesAndCgroups) {
  Trials trials;
  trials.closed_files = kRefused;
  trials.cgroup_limits = absl::NotFoundError("no cgroup");
  const SelfCheck check = Judge(Without(Capability::kDacReadSearch), trials);
  EXPECT_THAT(Lost(check), UnorderedElementsAre("requests", "limits"));
  EXPECT_THAT(Of(check, "requests").remedy, HasSubstr("CAP_DAC_READ_SEARCH"));
  EXPECT_THAT(Of(check, "limits").remedy, HasSubstr("/sys/fs/cgroup"));
}

TEST(SelfCheckTest, APidNamespaceOfItsOwnIsSaid) {
  Surroundings s = WithTheFive();
  s.host_pid_namespace = false;
  EXPECT_THAT(Judge(s, {}).notes, Contains(HasSubstr("hostPID")));
  s.capabilities |= uint64_t{1} << static_cast<int>(Capability::kSysAdmin);
  EXPECT_THAT(Judge(s, {}).notes, Contains(HasSubstr("not needed")));
}

// Whatever fails, there is something to do.
TEST(SelfCheckTest, EveryRefusalHasARemedy) {
  Trials trials;
  for (absl::Status* trial :
       {&trials.read_process, &trials.read_memory, &trials.mapped_files,
        &trials.closed_files, &trials.cgroup_limits, &trials.inspector,
        &trials.uprobes, &trials.gc_probe, &trials.windows, &trials.births,
        &trials.page_faults, &trials.native, &trials.lifecycle}) {
    *trial = absl::InternalError("it failed");
  }
  for (const Surroundings& s : {WithTheFive(), Surroundings()}) {
    for (const TierCheck& row : Judge(s, trials).tiers) {
      EXPECT_FALSE(row.works) << row.tier;
      EXPECT_EQ(row.reason, "it failed") << row.tier;
      EXPECT_NE(row.remedy, "") << row.tier;
    }
  }
}

}  // namespace
}  // namespace plimsoll::core

// Surroundings as recorded on machines that have what this one may lack: an
// Ubuntu node with Yama and AppArmor, a locked-down one, one with SELinux.
#include "agent/procfs/surroundings.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_dir.h"

namespace plimsoll::procfs {
namespace {

class SurroundingsTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = directory_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  core::Surroundings Read() {
    return ReadSurroundings((directory_.path() / "proc").string(),
                            (directory_.path() / "sys").string());
  }
  testing::TempDir directory_;
};

TEST_F(SurroundingsTest, ANodeWithYamaAppArmorAndASeccompProfile) {
  Write("proc/self/status",
        "Name:\tplimsoll-agent\nCapInh:\t0000000000000000\n"
        "CapPrm:\t000001c000080004\nCapEff:\t000001c000080004\n"
        "CapBnd:\t000001c000080004\nNoNewPrivs:\t1\nSeccomp:\t2\n"
        "Seccomp_filters:\t1\n");
  Write("proc/self/attr/current", "cri-containerd.apparmor.d (enforce)\n");
  Write("proc/sys/kernel/yama/ptrace_scope", "1\n");
  Write("proc/sys/kernel/perf_event_paranoid", "4\n");
  Write("proc/sys/kernel/unprivileged_bpf_disabled", "2\n");
  Write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  Write("sys/kernel/btf/vmlinux", "BTF");
  const core::Surroundings s = Read();
  for (const core::Capability capability : core::kUsedCapabilities) {
    EXPECT_TRUE(s.Has(capability)) << core::CapabilityName(capability);
  }
  EXPECT_FALSE(s.Has(core::Capability::kSysAdmin));
  EXPECT_TRUE(s.no_new_privileges);
  EXPECT_EQ(s.seccomp_mode, 2);
  EXPECT_EQ(s.security_label, "cri-containerd.apparmor.d (enforce)");
  EXPECT_EQ(s.yama_scope, 1);
  EXPECT_EQ(s.perf_event_paranoid, 4);
  EXPECT_EQ(s.unprivileged_bpf_disabled, 2);
  EXPECT_EQ(s.lockdown, "integrity");
  EXPECT_TRUE(s.btf);
}

TEST_F(SurroundingsTest, WhereSecurityModulesAreStackedAppArmorHasItsOwnFile) {
  Write("proc/self/attr/current", "other\n");
  Write("proc/self/attr/apparmor/current", "unconfined\n");
  EXPECT_EQ(Read().security_label, "unconfined");
}

TEST_F(SurroundingsTest, SelinuxEndsItsContextWithANul) {
  Write("proc/self/attr/current",
        std::string("system_u:system_r:spc_t:s0\0", 27));
  EXPECT_EQ(Read().security_label, "system_u:system_r:spc_t:s0");
}

TEST_F(SurroundingsTest, TheMemoryControllerIsWhatCounts) {
  const std::string unified = (directory_.path() / "cgroup").string();
  Write("proc/self/mountinfo", "30 20 0:26 / " + unified +
                                   " rw - cgroup2 none rw\n"
                                   "31 20 0:27 / /t rw - tracefs none rw\n");
  Write("cgroup/cgroup.controllers", "cpuset cpu io pids\n");
  EXPECT_FALSE(Read().cgroup_v2) << "hybrid: memory is in v1";
  EXPECT_TRUE(Read().tracefs);
  Write("cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
  EXPECT_TRUE(Read().cgroup_v2);
  EXPECT_FALSE(Read().cgroup_v1);
}

TEST_F(SurroundingsTest, WhatIsNotThereIsEmpty) {
  const core::Surroundings s = Read();
  EXPECT_EQ(s.capabilities, 0u);
  EXPECT_EQ(s.security_label, "");
  EXPECT_FALSE(s.yama_scope || s.perf_event_paranoid);
  EXPECT_EQ(s.lockdown, "");
  EXPECT_FALSE(s.btf || s.cgroup_v1 || s.cgroup_v2 || s.tracefs);
}

TEST(ParseLockdownTest, TheOneInBrackets) {
  EXPECT_EQ(ParseLockdown("[none] integrity confidentiality\n"), "none");
  EXPECT_EQ(ParseLockdown("none integrity [confidentiality]"),
            "confidentiality");
  EXPECT_EQ(ParseLockdown("]["), "");
  EXPECT_EQ(ParseLockdown(""), "");
}

}  // namespace
}  // namespace plimsoll::procfs

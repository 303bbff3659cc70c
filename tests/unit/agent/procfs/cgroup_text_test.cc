#include "agent/procfs/cgroup_text.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::procfs {
namespace {

const std::string kId(64, 'a');

TEST(CgroupMembershipTest, V2) {
  auto cgroup = ParseCgroupMembership("0::/system.slice/orders.service\n");
  ASSERT_TRUE(cgroup.ok());
  EXPECT_EQ(cgroup->version, 2);
  EXPECT_EQ(cgroup->path, "/system.slice/orders.service");
}

TEST(CgroupMembershipTest, HybridAccountsInV1AndNamesByTheBestPath) {
  auto cgroup = ParseCgroupMembership(
      "9:name=systemd:/system.slice/orders.service\n"
      "4:cpuset,memory:/limits/a\n1:cpu:/\n0::/\n");
  ASSERT_TRUE(cgroup.ok());
  EXPECT_EQ(cgroup->version, 1);
  EXPECT_EQ(cgroup->path, "/limits/a");
  EXPECT_EQ(cgroup->name_path, "/system.slice/orders.service");
}

TEST(CgroupMembershipTest, PathMayHoldColonsAndBeDeleted) {
  auto cgroup = ParseCgroupMembership(
      "10:memory:/kubepods-besteffort-pod1.slice:cri-containerd:" + kId +
      " (deleted)\n");
  ASSERT_TRUE(cgroup.ok());
  EXPECT_EQ(cgroup->path,
            "/kubepods-besteffort-pod1.slice:cri-containerd:" + kId);
}

TEST(CgroupMembershipTest, RefusesGarbage) {
  EXPECT_FALSE(ParseCgroupMembership("").ok());
  EXPECT_FALSE(ParseCgroupMembership("memory\n").ok());
  EXPECT_FALSE(ParseCgroupMembership("x:memory:/a\n").ok());
}

TEST(CgroupMountsTest, FindsBothVersionsAndUnescapes) {
  auto mounts = ParseCgroupMounts(
      "30 20 0:26 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup "
      "rw,memory\n"
      "31 20 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
      "32 20 0:28 /docker/x /mnt/a\\040b rw - cgroup2 none rw,nsdelegate\n");
  ASSERT_TRUE(mounts.ok());
  ASSERT_EQ(mounts->size(), 2u);
  EXPECT_EQ((*mounts)[0].version, 1);
  EXPECT_EQ((*mounts)[0].mount_point, "/sys/fs/cgroup/memory");
  EXPECT_EQ((*mounts)[1].version, 2);
  EXPECT_EQ((*mounts)[1].root, "/docker/x");
  EXPECT_EQ((*mounts)[1].mount_point, "/mnt/a b");
  EXPECT_FALSE(ParseCgroupMounts("no separator\n").ok());
}

TEST(MemoryLimitTest, UnlimitedIsNoNumber) {
  struct Case {
    const char* text;
    std::optional<int64_t> limit;
  };
  for (const Case& c :
       {Case{"max\n", std::nullopt},
        Case{"9223372036854771712\n", std::nullopt},
        Case{"18446744073709551615\n", std::nullopt},
        Case{"-1\n", std::nullopt}, Case{"536870912\n", 536870912}}) {
    auto limit = ParseMemoryLimit(c.text);
    ASSERT_TRUE(limit.ok()) << c.text;
    EXPECT_EQ(*limit, c.limit) << c.text;
  }
  EXPECT_FALSE(ParseMemoryLimit("").ok());
  EXPECT_FALSE(ParseMemoryLimit("lots").ok());
}

TEST(FindCounterTest, MatchesWholeKeys) {
  EXPECT_EQ(FindCounter("total_rss_huge 5\ntotal_rss 7\n", "total_rss"), 7);
  EXPECT_EQ(FindCounter("oom_kill 2", "oom"), std::nullopt);
  EXPECT_EQ(FindCounter("oom x\n", "oom"), std::nullopt);
}

TEST(CgroupNamesTest, EveryRuntimesForm) {
  struct Case {
    std::string path;
    std::string pod, container, unit;
  };
  const std::string uid = "8712f785-1a3e-41ec-a00b-e2dcc77431cb";
  const Case cases[] = {
      {"/kubepods/burstable/pod" + uid + "/" + kId, uid, kId, ""},
      {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod"
       "8712f785_1a3e_41ec_a00b_e2dcc77431cb.slice/cri-containerd-" +
           kId + ".scope",
       uid, kId, ""},
      {"/system.slice/containerd.service/kubepods-besteffort-pod"
       "8712f785_1a3e_41ec_a00b_e2dcc77431cb.slice:cri-containerd:" +
           kId,
       uid, kId, "containerd.service"},
      {"/../../../../system.slice/docker-" + kId + ".scope", "", kId, ""},
      {"/docker/" + kId + "/init", "", kId, ""},
      {"/kubepods/pod" + std::string(32, 'b') + "/crio-" + kId + ".scope",
       std::string(32, 'b'), kId, ""},
      {"/ecs/0123456789abcdef0123456789abcdef-1234567890", "",
       "0123456789abcdef0123456789abcdef-1234567890", ""},
      {"/system.slice/orders.service", "", "", "orders.service"},
      {"/", "", "", ""},
      {"/kubepods/podcast", "", "", ""},
  };
  for (const Case& c : cases) {
    CgroupNames names = ParseCgroupNames(c.path);
    EXPECT_EQ(names.pod_uid, c.pod) << c.path;
    EXPECT_EQ(names.container_id, c.container) << c.path;
    EXPECT_EQ(names.unit, c.unit) << c.path;
  }
}

// Whole /proc/PID/cgroup files as nodes of several kinds show them.
struct RecordedFile {
  const char* what;
  std::string text;
  int version;
  std::string pod, container, unit;
};

const std::string kUid = "8712f785-1a3e-41ec-a00b-e2dcc77431cb";
const std::string kSlice = "pod8712f785_1a3e_41ec_a00b_e2dcc77431cb.slice";

const RecordedFile kRecordedFiles[] = {
    {"containerd, cgroupfs, v1",
     "12:pids:/kubepods/besteffort/pod" + kUid + "/" + kId +
         "\n10:memory:/kubepods/besteffort/pod" + kUid + "/" + kId +
         "\n1:name=systemd:/kubepods/besteffort/pod" + kUid + "/" + kId + "\n",
     1, kUid, kId, ""},
    {"containerd, systemd, v1 (colons)",
     "10:memory:/system.slice/containerd.service/kubepods-burstable-" + kSlice +
         ":cri-containerd:" + kId + "\n0::/\n",
     1, kUid, kId, "containerd.service"},
    {"containerd, systemd, v2",
     "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" +
         kSlice + "/cri-containerd-" + kId + ".scope\n",
     2, kUid, kId, ""},
    {"containerd, cgroupfs, v2",
     "0::/kubepods/burstable/pod" + kUid + "/" + kId + "\n", 2, kUid, kId, ""},
    {"CRI-O, systemd, v2",
     "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-" +
         kSlice + "/crio-" + kId + ".scope/container\n",
     2, kUid, kId, ""},
    {"CRI-O, systemd, v1",
     "8:memory:/kubepods.slice/kubepods-" + kSlice + "/crio-" + kId +
         ".scope\n0::/\n",
     1, kUid, kId, ""},
    {"CRI-O, cgroupfs, v1",
     "8:memory:/kubepods/burstable/pod" + kUid + "/crio-" + kId + "\n", 1, kUid,
     kId, ""},
    {"CRI-O's monitor is no container",
     "0::/kubepods.slice/kubepods-" + kSlice + "/crio-conmon-" + kId +
         ".scope\n",
     2, kUid, "", "crio-conmon-" + kId + ".scope"},
    {"kind, in a node's own container",
     "0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort"
     ".slice/kubelet-kubepods-besteffort-" +
         kSlice + "/cri-containerd-" + kId + ".scope\n",
     2, kUid, kId, ""},
    {"seen from another cgroup namespace",
     "0::/../../kubepods-besteffort-" + kSlice + "/cri-containerd-" + kId +
         ".scope\n",
     2, kUid, kId, ""},
    {"Docker, systemd, v2", "0::/system.slice/docker-" + kId + ".scope\n", 2,
     "", kId, ""},
    {"Docker, cgroupfs, v1, hybrid",
     "9:memory:/docker/" + kId + "\n1:name=systemd:/docker/" + kId +
         "\n0::/system.slice/containerd.service\n",
     1, "", kId, ""},
    {"Docker under Kubernetes (cri-dockerd), systemd, v2",
     "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" +
         kSlice + "/docker-" + kId + ".scope\n",
     2, kUid, kId, ""},
    {"Podman", "0::/machine.slice/libpod-" + kId + ".scope/container\n", 2, "",
     kId, ""},
    {"systemd, v2", "0::/system.slice/orders.service\n", 2, "", "",
     "orders.service"},
    {"systemd, v1 with its name hierarchy",
     "5:memory:/system.slice/orders.service\n"
     "1:name=systemd:/system.slice/orders.service\n",
     1, "", "", "orders.service"},
};

TEST(CgroupNamesTest, RecordedFiles) {
  for (const RecordedFile& c : kRecordedFiles) {
    auto membership = ParseCgroupMembership(c.text);
    ASSERT_TRUE(membership.ok()) << c.what;
    EXPECT_EQ(membership->version, c.version) << c.what;
    const CgroupNames names = ParseCgroupNames(membership->name_path);
    EXPECT_EQ(names.pod_uid, c.pod) << c.what;
    EXPECT_EQ(names.container_id, c.container) << c.what;
    EXPECT_EQ(names.unit, c.unit) << c.what;
  }
}

}  // namespace
}  // namespace plimsoll::procfs

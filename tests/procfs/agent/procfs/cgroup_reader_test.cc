#include "agent/procfs/cgroup_reader.h"

#include <gtest/gtest.h>

#include "tests/support/fake_proc_root.h"

namespace plimsoll::procfs {
namespace {

using testing::FakeProcRoot;

void AddV2(FakeProcRoot& root, const std::string& path, int64_t current,
           const std::string& limit, int64_t inactive = 0) {
  root.CgroupFile(path, "memory.current", std::to_string(current) + "\n")
      .CgroupFile(path, "memory.max", limit + "\n")
      .CgroupFile(path, "memory.peak", "900\n")
      .CgroupFile(path, "memory.events", "low 0\noom 3\noom_kill 2\n")
      .CgroupFile(
          path, "memory.stat",
          "anon 70\nfile 9\ninactive_file " + std::to_string(inactive) + "\n");
}

void AddV1(FakeProcRoot& root, const std::string& path, int64_t current,
           const std::string& limit, const std::string& hierarchical) {
  root.CgroupFile(path, "memory.usage_in_bytes", std::to_string(current))
      .CgroupFile(path, "memory.limit_in_bytes", limit)
      .CgroupFile(path, "memory.max_usage_in_bytes", "901")
      .CgroupFile(path, "memory.oom_control",
                  "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
      .CgroupFile(path, "memory.stat",
                  "rss 1\nhierarchical_memory_limit " + hierarchical +
                      "\ntotal_rss 71\ntotal_inactive_file 8\n");
}

CgroupReader ReaderOf(const FakeProcRoot& root, int version,
                      const std::string& mount_root = "/") {
  return CgroupReader({{version, mount_root, root.cgroup()}});
}

constexpr char kUnlimited[] = "9223372036854771712";

TEST(CgroupReaderTest, V2TakesTheAncestorWithTheLeastRoom) {
  FakeProcRoot root;
  // The pod has 100 left, the container 500, the slice 300 of which much is
  // page cache that would be given back.
  AddV2(root, "/pods", 1700, "2000", 400);
  AddV2(root, "/pods/p", 900, "1000");
  AddV2(root, "/pods/p/c", 500, "1000");
  auto memory = ReaderOf(root, 2).Read({2, "/pods/p/c", ""});
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->path, "/pods/p");
  EXPECT_EQ(memory->version, 2);
  EXPECT_EQ(memory->current_bytes, 900);
  EXPECT_EQ(memory->limit_bytes, 1000);
  EXPECT_EQ(memory->anon_bytes, 70);
  EXPECT_EQ(memory->oom_kills, 2);
  EXPECT_EQ(memory->oom_events, 3);
  EXPECT_EQ(memory->peak_bytes, 900);
}

TEST(CgroupReaderTest, V2WithoutALimitIsTheCgroupItself) {
  FakeProcRoot root;
  AddV2(root, "/a", 10, "max");
  AddV2(root, "/a/b", 5, "max");
  auto memory = ReaderOf(root, 2).Read({2, "/a/b", ""});
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(memory->path, "/a/b");
  EXPECT_FALSE(memory->limit_bytes.has_value());
}

TEST(CgroupReaderTest, V2SkipsLevelsWithoutTheController) {
  FakeProcRoot root;
  AddV2(root, "/a", 10, "100");
  root.CgroupFile("/a/b", "cgroup.procs", "1\n");
  auto memory = ReaderOf(root, 2).Read({2, "/a/b", ""});
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(memory->path, "/a");
  auto none = ReaderOf(root, 2).Read({2, "/", ""});
  EXPECT_EQ(none.status().code(), absl::StatusCode::kNotFound);
}

TEST(CgroupReaderTest, V1WithLimitOfAnAncestor) {
  FakeProcRoot root;
  AddV1(root, "/docker", 400, "500", "500");
  AddV1(root, "/docker/x", 100, kUnlimited, "500");
  auto memory = ReaderOf(root, 1).Read({1, "/docker/x", ""});
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(memory->path, "/docker");
  EXPECT_EQ(memory->limit_bytes, 500);
  EXPECT_EQ(memory->anon_bytes, 71);
  EXPECT_EQ(memory->inactive_file_bytes, 8);
  EXPECT_EQ(memory->oom_kills, 5);
  EXPECT_EQ(memory->peak_bytes, 901);
}

TEST(CgroupReaderTest, V1LimitAboveTheMount) {
  FakeProcRoot root;
  AddV1(root, "", 100, kUnlimited, "500");
  auto memory = ReaderOf(root, 1, "/docker/x").Read({1, "/docker/x", ""});
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->limit_bytes, 500);
}

TEST(CgroupReaderTest, V1Unlimited) {
  FakeProcRoot root;
  AddV1(root, "/a", 100, kUnlimited, kUnlimited);
  auto memory = ReaderOf(root, 1).Read({1, "/a", ""});
  ASSERT_TRUE(memory.ok());
  EXPECT_FALSE(memory->limit_bytes.has_value());
}

TEST(CgroupReaderTest, PathFromAnotherNamespaceIsFoundWhenUnique) {
  FakeProcRoot root;
  AddV2(root, "/kubepods/podA/c1", 10, "100");
  AddV2(root, "/kubepods/podB/c2", 10, "200");
  CgroupReader reader = ReaderOf(root, 2);
  auto memory = reader.Read({2, "/../../podB/c2", ""});
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->path, "/kubepods/podB/c2");
  EXPECT_EQ(memory->limit_bytes, 200);
  // Two of the same name: no guess.
  AddV2(root, "/other/podC/c3", 10, "1");
  AddV2(root, "/kubepods/podC/c3", 10, "2");
  EXPECT_FALSE(reader.Read({2, "/../podC/c3", ""}).ok());
  EXPECT_FALSE(reader.Read({2, "/../..", ""}).ok());
}

TEST(CgroupReaderTest, GoneCgroupIsNotFound) {
  FakeProcRoot root;
  auto memory = ReaderOf(root, 2).Read({2, "/gone", ""});
  EXPECT_EQ(memory.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReaderOf(root, 2).Read({0, "", ""}).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace plimsoll::procfs

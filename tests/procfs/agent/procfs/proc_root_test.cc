#include "agent/procfs/proc_root.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/procfs/cgroup_reader.h"
#include "agent/procfs/read_file.h"
#include "tests/support/fake_proc_root.h"

namespace plimsoll::procfs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeProcRoot;

TEST(ProcRootTest, ListsProcessesOnly) {
  FakeProcRoot root;
  root.AddProcess(42);
  root.AddProcess(7);
  root.File("meminfo", "x").File("sys/kernel/random/boot_id", "abc\n");
  ProcRoot proc(root.proc());
  auto pids = proc.ListPids();
  ASSERT_TRUE(pids.ok());
  EXPECT_THAT(*pids, ElementsAre(7, 42));
  EXPECT_EQ(*proc.ReadBootId(), "abc");
}

TEST(ProcRootTest, ReadsMemoryOfTheProcessThatWasMeant) {
  FakeProcRoot root;
  root.AddProcess(42).Stat(1000).Status(5000).File("fd/0", "").File("fd/1", "");
  ProcRoot proc(root.proc());
  auto memory = proc.ReadMemory(42, 1000);
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->anon_bytes, 5000 * 1024);
  EXPECT_EQ(memory->rss_bytes, (5000 + 2048 + 12) * 1024);
  EXPECT_EQ(memory->swap_bytes, 4096);
  EXPECT_EQ(memory->threads, 3);
  EXPECT_EQ(memory->open_fds, 2);
  EXPECT_EQ(memory->minor_faults, 900);
  // The pid was given to another process.
  EXPECT_EQ(proc.ReadMemory(42, 999).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(ProcRootTest, GoneProcessIsNotFoundAndNamesThePath) {
  FakeProcRoot root;
  ProcRoot proc(root.proc());
  auto stat = proc.ReadStat(9);
  EXPECT_EQ(stat.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(stat.status().message()),
              ::testing::HasSubstr("/9/stat"));
}

TEST(ProcRootTest, TruncatedFilesAreErrors) {
  FakeProcRoot root;
  root.AddProcess(42).File("stat", "42 (py").File("status", "").Maps("12");
  ProcRoot proc(root.proc());
  EXPECT_FALSE(proc.ReadStat(42).ok());
  EXPECT_FALSE(proc.ReadStatus(42).ok());
  EXPECT_FALSE(proc.ReadMaps(42).ok());
  EXPECT_FALSE(proc.ReadMemory(42, 1).ok());
}

TEST(ProcRootTest, AFifoInTheTargetsRootDoesNotBlock) {
  FakeProcRoot root;
  auto process = root.AddProcess(42);
  std::filesystem::create_directories(process.path() / "root/tmp");
  ASSERT_EQ(::mkfifo((process.path() / "root/tmp/f").c_str(), 0600), 0);
  ProcRoot proc(root.proc());
  auto text = ReadFile(proc.InsideOf(42, "/tmp/f"));
  EXPECT_TRUE(text.ok() && text->empty());
}

TEST(ProcRootTest, ReadFileIsBounded) {
  FakeProcRoot root;
  root.File("big", std::string(100'000, 'x'));
  EXPECT_EQ(ReadFile(root.proc() + "/big", 50'000).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadFile(root.proc() + "/big", 100'000)->size(), 100'000u);
}

// The same readers on the machine's own /proc: this test process itself.
TEST(ProcRootTest, ReadsThisProcess) {
  ProcRoot proc;
  int32_t pid = ::getpid();
  auto pids = proc.ListPids();
  ASSERT_TRUE(pids.ok());
  EXPECT_THAT(*pids, Contains(pid));
  auto stat = proc.ReadStat(pid);
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_EQ(stat->parent_pid, ::getppid());
  auto memory = proc.ReadMemory(pid, stat->start_ticks);
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_GT(memory->anon_bytes, 0);
  EXPECT_GE(memory->open_fds, 3);
  auto maps = proc.ReadMaps(pid);
  ASSERT_TRUE(maps.ok()) << maps.status();
  EXPECT_GT(maps->size(), 5u);
  EXPECT_GT(proc.ReadNode()->mem_available_bytes, 0);
  EXPECT_EQ(proc.ReadStatus(pid)->ns_pids.front(), pid);
}

TEST(ProcRootTest, ReadsTheCgroupOfThisProcess) {
  ProcRoot proc;
  auto mounts = proc.ReadCgroupMounts();
  ASSERT_TRUE(mounts.ok()) << mounts.status();
  auto membership = proc.ReadCgroup(::getpid());
  ASSERT_TRUE(membership.ok()) << membership.status();
  auto memory = CgroupReader(*mounts).Read(*membership);
  if (!memory.ok()) {
    GTEST_SKIP() << "no memory cgroup here: " << memory.status();
  }
  EXPECT_GT(memory->current_bytes, 0);
}

}  // namespace
}  // namespace plimsoll::procfs

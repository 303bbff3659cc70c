#include "agent/procfs/started_by.h"

#include <gtest/gtest.h>

#include "tests/support/fake_proc_root.h"

namespace plimsoll::procfs {
namespace {

using testing::FakeProcRoot;

constexpr char kContainer[] = "0::/kubepods/pod1/c1\n";

void Add(FakeProcRoot& root, int32_t pid, int32_t parent,
         std::string_view ns_pids, int32_t terminal = 0,
         std::string_view cgroup = kContainer) {
  root.AddProcess(pid)
      .Stat(1000, "python3", 700, parent, terminal)
      .Status(5000, ns_pids)
      .Cgroup(cgroup)
      .File("root/proc/1/cgroup", kContainer);
}

TEST(StartedByTest, TerminalTellsAPersonOnTheHost) {
  FakeProcRoot root;
  Add(root, 42, 1, "42", 34816);
  Add(root, 43, 1, "43");
  EXPECT_EQ(StartedBy(ProcRoot(root.proc()), 42), "terminal");
  EXPECT_EQ(StartedBy(ProcRoot(root.proc()), 43), "");
}

TEST(StartedByTest, FirstProcessOfAContainerAndItsChildrenAreAService) {
  FakeProcRoot root;
  Add(root, 100, 1, "100");      // the container's keeper
  Add(root, 200, 100, "200 1");  // even with a terminal (docker run -t)
  Add(root, 201, 200, "201 7", 34816);
  ProcRoot proc(root.proc());
  EXPECT_EQ(StartedBy(proc, 200), "");
  EXPECT_EQ(StartedBy(proc, 201), "");
}

TEST(StartedByTest, WhatWasPutIntoAContainerIsByHandThroughAShell) {
  FakeProcRoot root;
  Add(root, 100, 1, "100");
  Add(root, 300, 100, "300 41");  // kubectl exec -- bash
  Add(root, 301, 300, "301 42");  // python3 manage.py
  ProcRoot proc(root.proc());
  EXPECT_EQ(StartedBy(proc, 300), "exec");
  EXPECT_EQ(StartedBy(proc, 301), "exec");
}

TEST(StartedByTest, ContainersThatShareANamespaceOfPidsAreServices) {
  FakeProcRoot root;
  Add(root, 100, 1, "100");
  Add(root, 400, 100, "400 9", 0, "0::/kubepods/pod1/c2\n");
  EXPECT_EQ(StartedBy(ProcRoot(root.proc()), 400), "");
}

TEST(StartedByTest, NothingIsSaidOfAProcessThatIsGone) {
  FakeProcRoot root;
  EXPECT_EQ(StartedBy(ProcRoot(root.proc()), 9), "");
}

TEST(StartedByTest, ParentsInACircleEnd) {
  FakeProcRoot root;
  Add(root, 500, 501, "500 3");
  Add(root, 501, 500, "501 2");
  EXPECT_EQ(StartedBy(ProcRoot(root.proc()), 500), "");
}

}  // namespace
}  // namespace plimsoll::procfs

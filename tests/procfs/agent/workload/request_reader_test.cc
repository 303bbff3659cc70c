#include "agent/workload/request_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/procfs/proc_root.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::workload {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

RequestReader Reader() { return RequestReader(RequestFilter{{"city"}, {}}); }

TEST(RequestReaderTest, AbsentFilesAreNotFound) {
  TempDir dir;
  int64_t bad = 0;
  auto counts = Reader().Read({7, dir.path().string(), "/metrics", {}}, &bad);
  EXPECT_EQ(counts.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(bad, 0);
}

TEST(RequestReaderTest, BadFilesAreCounted) {
  TempDir dir;
  fs::create_directories(dir.path() / "metrics");
  std::ofstream(dir.path() / "metrics/counter_7.db")
      << "\x10" << std::string(3, '\0') << " garbage";
  int64_t bad = 0;
  auto counts = Reader().Read({7, dir.path().string(), "/metrics", {}}, &bad);
  EXPECT_FALSE(counts.ok());
  EXPECT_EQ(bad, 1);
}

TEST(RequestReaderTest, LinksDoNotLeadOutOfTheTargetsRoot) {
  TempDir outside;
  std::ofstream(outside.path() / "counter_7.db") << std::string(64, '\0');
  TempDir root;
  fs::create_directory_symlink(outside.path(), root.path() / "metrics");
  int64_t bad = 0;
  auto counts = Reader().Read({7, root.path().string(), "/metrics", {}}, &bad);
  EXPECT_FALSE(counts.ok());
  // The same link inside of the root is followed.
  fs::create_directories(root.path() / "real");
  std::ofstream(root.path() / "real/counter_7.db") << std::string(64, '\0');
  fs::create_directory_symlink("/real", root.path() / "inner");
  counts = Reader().Read({7, root.path().string(), "/inner", {}}, &bad);
  EXPECT_TRUE(counts.ok()) << counts.status();
}

TEST(RequestReaderTest, OtherProcessesFilesAreNotItsOwn) {
  TempDir dir;
  fs::create_directories(dir.path() / "m");
  std::ofstream(dir.path() / "m/counter_8.db") << std::string(64, '\0');
  int64_t bad = 0;
  // A fresh fork still maps its parent's file.
  auto counts =
      Reader().Read({7, dir.path().string(), "", {"/m/counter_8.db"}}, &bad);
  EXPECT_EQ(counts.status().code(), absl::StatusCode::kNotFound);
}

// The real library, in a process of its own that also forks: each worker's
// counts are read from outside while it lives.
TEST(RequestReaderTest, ReadsTheRealLibrary) {
  const char* check =
      "/usr/bin/python3 -c 'import prometheus_client' 2>/dev/null";
  if (std::system(check) != 0) {
    GTEST_SKIP() << "needs Debian's python3-prometheus-client";
  }
  TempDir dir;
  fs::path script = dir.path() / "count.py";
  std::ofstream(script) << R"(
import os, sys, time
from prometheus_client import Counter, Gauge
held = Gauge("vehicles", "Help.", ["city"], multiprocess_mode="livesum")
held.labels("sf").set(900)
held.labels("sf").dec(100)
requests = Counter("app_requests", "Help.", ["city", "user"])
for i in range(666): requests.labels("sf", str(i % 3)).inc()
child = os.fork()
if child == 0:
    held.labels("nyc").set(40)
    for i in range(334): requests.labels("nyc", "x").inc()
    requests.labels("sf", "0").inc(5)
with open(os.environ["READY"] + str(os.getpid()), "w") as f: f.write("1")
sys.stdin.read()
)";
  int input[2];
  ASSERT_EQ(::pipe(input), 0);
  pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(input[0], 0);
    ::close(input[1]);
    ::setenv("PROMETHEUS_MULTIPROC_DIR", dir.path().c_str(), 1);
    ::setenv("READY", (dir.path() / "ready").c_str(), 1);
    ::execl("/usr/bin/python3", "python3", script.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(input[0]);
  std::vector<int32_t> pids;
  EXPECT_TRUE(testing::Eventually([&] {
    pids.clear();
    for (const auto& file : fs::directory_iterator(dir.path())) {
      std::string name = file.path().filename().string();
      if (name.starts_with("ready")) pids.push_back(std::stoi(name.substr(5)));
    }
    return pids.size() == 2;
  }));
  procfs::ProcRoot proc;
  for (int32_t worker : pids) {
    auto maps = proc.ReadMaps(worker);
    ASSERT_TRUE(maps.ok()) << maps.status();
    int64_t bad = 0;
    // Found by its mapping alone, without the variable.
    auto counts = Reader().Read(
        {worker, proc.PathOf(worker, "root"), "", MappedDatabases(*maps)},
        &bad);
    ASSERT_TRUE(counts.ok()) << counts.status() << " files "
                             << ::testing::PrintToString(MappedDatabases(*maps))
                             << worker << " of " << pid;
    EXPECT_EQ(bad, 0);
    EXPECT_EQ(counts->source, "prometheus-multiprocess");
    std::map<std::string, double> by_city, vehicles;
    for (const core::RequestCount& count : counts->counts) {
      EXPECT_EQ(count.metric, count.gauge ? "vehicles" : "app_requests_total");
      (count.gauge ? vehicles : by_city)[count.attributes.at(0).second] +=
          count.value;
    }
    std::map<std::string, double> expected = {{"sf", 666}};
    // The child's file begins at its own first count.
    if (worker != pid) expected = {{"nyc", 334}, {"sf", 5}};
    EXPECT_EQ(by_city, expected) << worker;
    expected = {{"sf", 800}};
    if (worker != pid) expected = {{"nyc", 40}, {"sf", 0}};
    EXPECT_EQ(vehicles, expected) << worker;
  }
  ::close(input[1]);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace plimsoll::workload

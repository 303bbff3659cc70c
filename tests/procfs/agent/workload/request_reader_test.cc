#include "agent/workload/request_reader.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "agent/procfs/proc_root.h"
#include "tests/support/eventually.h"
#include "tests/support/prometheus_client.h"
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

// Entries of new versions have a time stamp; in old ones the variable that
// names the directory is in small letters.
class RealLibraryTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Start() {
    std::ofstream(dir_.path() / "count.py") << R"(
import os, sys
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
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(input[0], 0);
      ::close(input[1]);
      const std::string library = (dir_.path() / "library").string();
      ::setenv("PYTHONPATH", library.c_str(), 1);
      ::setenv("PROMETHEUS_MULTIPROC_DIR", dir_.path().c_str(), 1);
      ::setenv("prometheus_multiproc_dir", dir_.path().c_str(), 1);
      ::setenv("READY", (dir_.path() / "ready").c_str(), 1);
      ::execl("/usr/bin/python3", "python3", (dir_.path() / "count.py").c_str(),
              nullptr);
      ::_exit(127);
    }
    ::close(input[0]);
    input_ = input[1];
    ASSERT_TRUE(testing::Eventually([&] {
      for (const auto& file : fs::directory_iterator(dir_.path())) {
        const std::string name = file.path().filename().string();
        if (!name.starts_with("ready")) continue;
        const int32_t pid = std::stoi(name.substr(5));
        if (pid != pid_) child_ = pid;
      }
      return child_ > 0 &&
             fs::exists(dir_.path() / ("ready" + std::to_string(pid_)));
    }));
  }
  ~RealLibraryTest() override {
    if (input_ >= 0) ::close(input_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }

  // By city; `directory` as the variable has it, "" for its mappings alone.
  void ExpectCounts(int32_t pid, const std::string& directory,
                    const std::map<std::string, double>& requests,
                    const std::map<std::string, double>& vehicles) {
    auto maps = proc_.ReadMaps(pid);
    ASSERT_TRUE(maps.ok()) << maps.status();
    int64_t bad = 0;
    auto counts = Reader().Read(
        {pid, proc_.PathOf(pid, "root"), directory, MappedDatabases(*maps)},
        &bad);
    ASSERT_TRUE(counts.ok()) << counts.status() << " files "
                             << ::testing::PrintToString(MappedDatabases(*maps))
                             << pid << " of " << pid_;
    EXPECT_EQ(bad, 0);
    EXPECT_EQ(counts->source, "prometheus-multiprocess");
    std::map<std::string, double> by_city, gauges;
    for (const core::RequestCount& count : counts->counts) {
      EXPECT_EQ(count.metric, count.gauge ? "vehicles" : "app_requests_total");
      (count.gauge ? gauges : by_city)[count.attributes.at(0).second] +=
          count.value;
    }
    EXPECT_EQ(by_city, requests) << pid;
    EXPECT_EQ(gauges, vehicles) << pid;
  }

  TempDir dir_;
  procfs::ProcRoot proc_;
  pid_t pid_ = -1;
  int32_t child_ = -1;
  int input_ = -1;
};

// In a process of its own that also forks: each worker's counts are read from
// outside while it lives, found by its mappings alone.
TEST_P(RealLibraryTest, EachWorkerHasItsOwnCounts) {
  if (!testing::InstallPrometheusClient(GetParam(), dir_.path() / "library")) {
    GTEST_SKIP() << "neither Debian nor pip has prometheus_client "
                 << GetParam();
  }
  ASSERT_NO_FATAL_FAILURE(Start());
  ExpectCounts(pid_, "", {{"sf", 666}}, {{"sf", 800}});
  // The child's file begins at its own first count.
  ExpectCounts(child_, "", {{"nyc", 334}, {"sf", 5}}, {{"nyc", 40}, {"sf", 0}});
  // What a killed worker left in the directory is nobody else's.
  ASSERT_EQ(::kill(child_, SIGKILL), 0);
  ASSERT_TRUE(testing::Eventually([&] {
    return !proc_.ReadMaps(child_).ok() || proc_.ReadMaps(child_)->empty();
  }));
  ASSERT_TRUE(
      fs::exists(dir_.path() / ("counter_" + std::to_string(child_) + ".db")));
  ExpectCounts(pid_, dir_.path().string(), {{"sf", 666}}, {{"sf", 800}});
}

INSTANTIATE_TEST_SUITE_P(
    Versions, RealLibraryTest, ::testing::Values("", "0.7.1", "0.21.1"),
    [](const ::testing::TestParamInfo<const char*>& version) {
      std::string name = std::string("V") + version.param;
      std::replace(name.begin(), name.end(), '.', '_');
      return name == "V" ? "Debians" : name;
    });

}  // namespace
}  // namespace plimsoll::workload

// A prefork worker of uWSGI: Python in a plugin, half of the heap made before
// the fork and shared with the master.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "agent/inspector/blocking_inspector.h"
#include "gtest/gtest.h"
#include "tests/support/python_target.h"
#include "tests/support/temp_dir.h"
#include "tests/support/uwsgi_command.h"

namespace plimsoll::inspector {
namespace {

using ::plimsoll::testing::kUwsgi;

int64_t Objects(const core::HeapCensus& census, const std::string& suffix) {
  int64_t objects = 0;
  for (const core::TypeCount& row : census.types) {
    if (row.type.ends_with(suffix)) objects += row.objects;
  }
  return objects;
}

TEST(UwsgiCensus, CountsWhatMasterAndWorkerMade) {
  testing::TempDir directory;
  const std::string application = (directory.path() / "app.py").string();
  std::ofstream(application)
      << "import os, sys, uwsgi\n"
         "class BeforeFork:\n"
         "    __slots__ = ('a',)\n"
         "class AfterFork:\n"
         "    pass\n"
         "kept = [BeforeFork() for _ in range(7000)]\n"
         "def say():\n"
         "    kept.extend(AfterFork() for _ in range(3000))\n"
         "    sys.stdout.write('worker %d\\n' % os.getpid())\n"
         "    sys.stdout.flush()\n"
         "uwsgi.post_fork_hook = say\n"
         "def application(environ, start): return []\n";
  const std::string socket = (directory.path() / "socket").string();
  testing::PythonTarget target(
      "/bin/sh", std::string("exec ") + kUwsgi +
                     " --plugin python3 --need-app --master --no-orphans "
                     "--processes 1 --socket " +
                     socket + " --wsgi-file " + application + " 2>&1");
  int worker = 0;
  std::string log;
  for (int i = 0; i < 200 && worker == 0; ++i) {
    const std::string line = target.ReadLine();
    if (line.empty()) break;
    log += line + "\n";
    std::sscanf(line.c_str(), "worker %d", &worker);
  }
  ASSERT_NE(worker, 0) << log;
  const char* bin = std::getenv("PLIMSOLL_BIN_DIR");
  auto inspector = BlockingInspector::Make(
      {.program = std::string(bin ? bin : "build/release/bin") +
                  "/plimsoll-inspector"});
  ASSERT_TRUE(inspector.ok()) << inspector.status();
  const auto python = (*inspector)->Identify(worker);
  const auto census =
      python.ok() ? (*inspector)->TakeCensus(*python, {}) : python.status();
  ::kill(worker, SIGKILL);
  ASSERT_TRUE(census.ok()) << census.status();
  EXPECT_EQ(Objects(*census, ".BeforeFork"), 7000);
  EXPECT_EQ(Objects(*census, ".AfterFork"), 3000);
  EXPECT_EQ(census->coverage.seen, census->coverage.total);
}

}  // namespace
}  // namespace plimsoll::inspector

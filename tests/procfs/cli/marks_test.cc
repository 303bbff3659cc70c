// mark and diff of the real program against live interpreters: what they say is
// what the target did in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_dir.h"

namespace plimsoll {
namespace {

using nlohmann::json;
using ::plimsoll::testing::BinDir;
using ::plimsoll::testing::CommandResult;
using ::plimsoll::testing::PythonTarget;
using ::plimsoll::testing::RunCommand;
using ::plimsoll::testing::SupportedPythons;
using ::plimsoll::testing::TempDir;
using ::plimsoll::testing::TestName;
using ::testing::HasSubstr;

// Each line from us is run, and answered when it is done.
constexpr char kScript[] = R"(
import os, sys
class Hull(object):
    __slots__ = ('a', 'b')
class Deck(object):
    pass
hulls = [Hull() for i in range(400000)]
decks = [Deck() for i in range(7000)]
kept = []
print('ready'); sys.stdout.flush()
while True:
    line = sys.stdin.readline()
    if not line: break
    exec(line)
    print('done'); sys.stdout.flush()
)";

class MarksTest : public ::testing::TestWithParam<std::string> {
 protected:
  CommandResult Run(const char* verb, std::vector<std::string> words) {
    words.insert(words.begin(), {BinDir() + "/plimsoll", verb});
    words.insert(words.end(), {"--dir", directory()});
    return RunCommand(words);
  }
  json Ask(const char* verb, std::vector<std::string> words) {
    words.emplace_back("--json");
    const auto result = Run(verb, std::move(words));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out, nullptr, false);
  }
  void Say(PythonTarget& target, const std::string& line) {
    ASSERT_TRUE(target.WriteLine(line));
    ASSERT_EQ(target.ReadLine(), "done");
  }
  std::string directory() const { return dir_.path() / "a" / "marks"; }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  TempDir dir_;
};
INSTANTIATE_TEST_SUITE_P(
    Pythons, MarksTest,
    ::testing::ValuesIn(testing::SupportedPythonsAndUwsgi()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MarksTest);

json RowOf(const json& document, const std::string& type) {
  for (const json& row : document["types"]) {
    if (row["type"] == type) return row;
  }
  return {{"objects_delta", 0}, {"bytes_delta", 0}};
}

TEST_P(MarksTest, DiffIsWhatTheTargetMadeAndDropped) {
  PythonTarget target(GetParam(), kScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const std::string pid = std::to_string(target.pid());
  const json marked = Ask("mark", {pid, "before"});
  EXPECT_EQ(marked["schema"], "plimsoll.mark/1");
  EXPECT_GT(marked["objects"], 407000);
  Say(target, "kept.append([Deck() for i in range(12345)])");
  Say(target, "del hulls[300000:]");
  Say(target, "kept.append([os.urandom(100000) for i in range(200)])");
  const json since = Ask("diff", {pid, "before"});
  EXPECT_EQ(since["schema"], "plimsoll.diff/1");
  EXPECT_EQ(since["pid"], target.pid());
  EXPECT_EQ(since["from"]["name"], "before");
  EXPECT_TRUE(since["to"]["name"].is_null());
  EXPECT_EQ(since["sampled"], false);
  EXPECT_EQ(RowOf(since, "__main__.Deck")["objects_delta"], 12345);
  EXPECT_EQ(RowOf(since, "__main__.Hull")["objects_delta"], -100000);
  const json blobs = RowOf(since, "bytes");
  EXPECT_NEAR(blobs["objects_delta"].get<double>(), 200, 20);
  EXPECT_NEAR(blobs["bytes_delta"].get<double>(), 20e6, 0.1e6);
  EXPECT_GT(blobs["bytes_per_s"], 0);
  EXPECT_EQ(since["types"][0]["type"], "bytes") << "the largest first";
  const json& memory = since["memory"];
  EXPECT_EQ(memory["anon_delta_bytes"].get<int64_t>(),
            memory["python_delta_bytes"].get<int64_t>() +
                memory["free_delta_bytes"].get<int64_t>() +
                memory["native_delta_bytes"].get<int64_t>());
  // The blobs are Python's, though malloc holds them.
  EXPECT_GT(memory["python_delta_bytes"], 14000000);
  EXPECT_LT(std::abs(memory["native_delta_bytes"].get<double>()), 3e6);
}

TEST_P(MarksTest, TwoMarksAreComparedAfterTheProcessHasEnded) {
  PythonTarget target(GetParam(), kScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const std::string pid = std::to_string(target.pid());
  Ask("mark", {pid, "a"});
  Say(target, "kept.append([Deck() for i in range(500)])");
  Ask("mark", {pid, "b"});
  Say(target, "kept.append([Deck() for i in range(70)])");
  EXPECT_EQ(
      RowOf(Ask("diff", {pid, "a", "b"}), "__main__.Deck")["objects_delta"],
      500);
  EXPECT_EQ(RowOf(Ask("diff", {pid, "b"}), "__main__.Deck")["objects_delta"],
            70);
  EXPECT_EQ(Run("diff", {pid, "b", "a"}).exit_code, 2) << "in the wrong order";
  target.Kill();
  const json after = Ask("diff", {pid, "a", "b"});
  EXPECT_EQ(RowOf(after, "__main__.Deck")["objects_delta"], 500);
  EXPECT_EQ(after["to"]["name"], "b");
  EXPECT_THAT(after["notes"].dump(), HasSubstr("ended meanwhile"));
  const auto since = Run("diff", {pid, "a"});
  EXPECT_EQ(since.exit_code, 4);
  EXPECT_THAT(since.err, HasSubstr("plimsoll diff " + pid + " FROM TO"));
}

// The interval holds the truth, and is no wider than what it is of. Runs of
// hulls and of others of their size share the pools: where a pool holds nothing
// but hulls a sample of them has hardly an error.
TEST_P(MarksTest, ASampledHeapCarriesItsError) {
  PythonTarget target(GetParam(), kScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  Say(target, "class Rope(object): __slots__ = ('a', 'b')");
  const std::string pid = std::to_string(target.pid());
  EXPECT_EQ(Ask("mark", {pid, "x", "--scan-limit", "4MiB"})["sampled"], true);
  Say(target,
      "kept.append([(Rope if i // 150 % 2 else Hull)() for i in "
      "range(300000)])");
  const json document = Ask("diff", {pid, "x", "--scan-limit", "4MiB"});
  EXPECT_EQ(document["sampled"], true);
  EXPECT_THAT(document["notes"].dump(), HasSubstr("random sample"));
  const json hull = RowOf(document, "__main__.Hull");
  ASSERT_TRUE(hull["objects_delta_ci"].is_array()) << document;
  const double lo = hull["objects_delta_ci"][0],
               hi = hull["objects_delta_ci"][1];
  EXPECT_GT(hi - lo, 100);
  EXPECT_LT(hi - lo, 60000);
  // Twice the interval: this is no place for a failure in twenty.
  EXPECT_NEAR(hull["objects_delta"].get<double>(), 150000, hi - lo);
  EXPECT_TRUE(hull["bytes_per_s_ci"].is_array());
}

class MarkFiles : public MarksTest {
 protected:
  void SetUp() override {
    const auto pythons = SupportedPythons();
    if (pythons.empty()) GTEST_SKIP() << "needs a Python";
    python_ = pythons.back();
    target_ = std::make_unique<PythonTarget>(python_, kScript);
    ASSERT_EQ(target_->ReadLine(), "ready");
    pid_ = std::to_string(target_->pid());
  }
  std::string OnlyFile() const {
    const auto files = Files();
    EXPECT_EQ(files.size(), 1u);
    return files.empty() ? "" : directory() + "/" + files.front();
  }

  std::string python_;
  std::unique_ptr<PythonTarget> target_;
  std::string pid_;
};

TEST_F(MarkFiles, AreForTheirOwnerOnly) {
  Ask("mark", {pid_, "before"});
  struct stat facts {};
  ASSERT_EQ(::stat(OnlyFile().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
  ASSERT_EQ(::stat(directory().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0700u);
}

TEST_F(MarkFiles, AreListedReplacedAndRemoved) {
  EXPECT_THAT(Run("mark", {"--list"}).out, HasSubstr("no marks in"));
  EXPECT_FALSE(std::filesystem::exists(directory())) << "a look makes nothing";
  Ask("mark", {pid_, "a"});
  Ask("mark", {pid_, "b"});
  Ask("mark", {pid_, "a"});
  EXPECT_EQ(Files().size(), 2u);
  PythonTarget other(python_, kScript);
  ASSERT_EQ(other.ReadLine(), "ready");
  Ask("mark", {std::to_string(other.pid()), "a"});
  EXPECT_EQ(Ask("mark", {"--list"})["marks"].size(), 3u);
  const json mine = Ask("mark", {pid_, "--list"})["marks"];
  ASSERT_EQ(mine.size(), 2u);
  EXPECT_EQ(mine[0]["pid"], target_->pid());
  EXPECT_EQ(mine[0]["running"], true);
  EXPECT_GT(mine[0]["bytes"], 1000);
  EXPECT_EQ(Run("mark", {pid_, "b", "--remove"}).exit_code, 0);
  const auto again = Run("mark", {pid_, "b", "--remove"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("no mark \"b\""));
  other.Kill();
  EXPECT_EQ(Ask("mark", {"--prune"})["marks"].size(), 1u);
  EXPECT_EQ(Files().size(), 1u);
}

TEST_F(MarkFiles, WhatIsWrittenToThemIsNotTrusted) {
  Ask("mark", {pid_, "before"});
  const std::string file = OnlyFile();
  std::filesystem::resize_file(file, 200);
  auto result = Run("diff", {pid_, "before"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("not a mark that can be read"));
  // Of another process, copied to this one's name.
  PythonTarget other(python_, kScript);
  ASSERT_EQ(other.ReadLine(), "ready");
  Ask("mark", {std::to_string(other.pid()), "before"});
  for (const std::string& name : Files()) {
    const std::string from = directory() + "/" + name;
    if (from != file) {
      std::filesystem::copy_file(
          from, file, std::filesystem::copy_options::overwrite_existing);
    }
  }
  result = Run("diff", {pid_, "before"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("another process"));
  // A link is not followed, a FIFO not waited for.
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/etc/passwd", file);
  EXPECT_EQ(Run("diff", {pid_, "before"}).exit_code, 1);
  std::filesystem::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_EQ(Run("diff", {pid_, "before"}).exit_code, 1);
  std::filesystem::remove(file);
  EXPECT_EQ(Run("diff", {pid_, "before"}).exit_code, 1);
}

// Killed while it writes: what was there stays, and what is left goes.
TEST_F(MarkFiles, AreWrittenWholeOrNotAtAll) {
  Ask("mark", {pid_, "before"});
  const auto size = std::filesystem::file_size(OnlyFile());
  const auto cut =
      RunCommand({"/usr/bin/prlimit", "--fsize=1000", BinDir() + "/plimsoll",
                  "mark", pid_, "before", "--dir", directory()});
  EXPECT_NE(cut.exit_code, 0);
  EXPECT_EQ(Ask("mark", {"--list"})["marks"].size(), 1u);
  EXPECT_EQ(Run("diff", {pid_, "before"}).exit_code, 0);
  Ask("mark", {"--prune"});
  EXPECT_EQ(std::filesystem::file_size(OnlyFile()), size);
}

TEST_F(MarkFiles, OtherProgramsUnderThePidAreNotCompared) {
  Ask("mark", {pid_, "before"});
  ASSERT_TRUE(target_->WriteLine(
      "os.execv(sys.executable, [sys.executable, '-c', 'import sys, time;"
      "print(\"done\"); sys.stdout.flush(); time.sleep(60)'])"));
  ASSERT_EQ(target_->ReadLine(), "done");
  const auto result = Run("diff", {pid_, "before"});
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_THAT(result.err, HasSubstr("another program"));
}

// A child that asks the kernel for this pid, and waits to be killed.
pid_t ForkAs(pid_t pid) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<uint64_t>(&pid);
  arguments.set_tid_size = 1;
  const long child = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  return static_cast<pid_t>(child);
}

TEST_F(MarkFiles, AnotherProcessUnderThePidIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to choose a pid";
  Ask("mark", {pid_, "before"});
  Ask("mark", {pid_, "after"});
  const pid_t pid = target_->pid();
  target_->Kill();
  ASSERT_EQ(ForkAs(pid), pid) << std::strerror(errno);
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{"before"}, {"before", "after"}}) {
    std::vector<std::string> words = {pid_};
    words.insert(words.end(), names.begin(), names.end());
    const auto result = Run("diff", words);
    EXPECT_EQ(result.exit_code, 4) << result.err;
    EXPECT_THAT(result.err, HasSubstr("is another process now"));
    EXPECT_THAT(result.err, HasSubstr("has ended"));
  }
  EXPECT_EQ(Ask("mark", {pid_, "--list"})["marks"][0]["running"], false);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

TEST_F(MarkFiles, UsageIsChecked) {
  EXPECT_EQ(Run("mark", {}).exit_code, 2);
  EXPECT_EQ(Run("mark", {pid_}).exit_code, 2);
  EXPECT_EQ(Run("mark", {pid_, "a/b"}).exit_code, 2);
  EXPECT_EQ(Run("mark", {pid_, "../x"}).exit_code, 2);
  EXPECT_EQ(Run("mark", {pid_, "x", "--list", "--prune"}).exit_code, 2);
  EXPECT_EQ(Run("mark", {pid_, "x", "--scan-limit", "4"}).exit_code, 2);
  EXPECT_EQ(Run("diff", {pid_}).exit_code, 2);
  EXPECT_EQ(Run("diff", {pid_, "../x"}).exit_code, 2);
  EXPECT_EQ(Run("diff", {pid_, "never"}).exit_code, 1);
  EXPECT_EQ(Run("mark", {"4194303", "x"}).exit_code, 4);
  EXPECT_EQ(Run("diff", {"4194303", "x"}).exit_code, 4);
  EXPECT_FALSE(std::filesystem::exists(directory()));
}

TEST_F(MarkFiles, ADirectoryThatIsClosedToUsIsNamed) {
  const auto result = RunCommand(
      {BinDir() + "/plimsoll", "mark", pid_, "x", "--dir", "/proc/1/marks"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.exit_code, 4) << "that is said of processes";
  EXPECT_THAT(result.err, HasSubstr("/proc/1/marks"));
}

}  // namespace
}  // namespace plimsoll

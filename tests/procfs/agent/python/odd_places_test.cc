// Interpreters where no path leads: deleted, replaced, in another mount
// namespace, inside a program of another name, and files that lie.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "agent/python/identify_process.h"
#include "tests/support/fake_proc_root.h"
#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"
#include "tests/support/temp_dir.h"
#include "tests/support/uwsgi_command.h"

namespace plimsoll::python {
namespace {

namespace fs = std::filesystem;
using ::plimsoll::testing::FakeProcRoot;
using ::plimsoll::testing::kUwsgi;
using ::plimsoll::testing::LiveMemory;
using ::plimsoll::testing::PythonTarget;
using ::plimsoll::testing::SupportedPythons;
using ::plimsoll::testing::TempDir;
using ::plimsoll::testing::TestName;
using ::testing::HasSubstr;

constexpr char kReady[] =
    "import sys\nprint('ready')\nsys.stdout.flush()\nsys.stdin.readline()";

// The system's interpreter: one file, which runs from anywhere.
std::string SystemPython() {
  for (const std::string& path : SupportedPythons()) {
    if (path.rfind("/usr/bin/", 0) == 0) return path;
  }
  return "";
}

absl::StatusOr<core::PythonProcess> Identify(int32_t pid,
                                             const std::string& proc) {
  BuildCache cache;
  return IdentifyProcess(pid, proc, LiveMemory(pid), cache);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class OddPlaces : public ::testing::Test {
 protected:
  void SetUp() override {
    python_ = SystemPython();
    if (python_.empty()) {
      GTEST_SKIP() << "no supported /usr/bin/python3.N on this machine";
    }
    copy_ = (directory_.path() / "service").string();
    fs::copy_file(python_, copy_);
  }
  TempDir directory_;
  std::string python_;
  std::string copy_;
};

TEST_F(OddPlaces, DeletedFile) {
  PythonTarget target(copy_, kReady);
  ASSERT_EQ(target.ReadLine(), "ready");
  fs::remove(copy_);
  const auto python = Identify(target.pid(), "/proc");
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_EQ(python->build.object_path, copy_);
  EXPECT_TRUE(fs::exists(python->open_path));
}

// A target that ends while it is looked at, or one read that fails, was said
// to run another file than is there, which holds for as long as it lives.
TEST_F(OddPlaces, MemoryThatCannotBeReadSaysNothingOfTheFile) {
  class Unreadable final : public core::MemorySource {
   public:
    size_t Read(uint64_t, std::span<std::byte>) const override { return 0; }
  };
  PythonTarget target(copy_, kReady);
  ASSERT_EQ(target.ReadLine(), "ready");
  BuildCache cache;
  const auto python =
      IdentifyProcess(target.pid(), "/proc", Unreadable(), cache);
  EXPECT_EQ(python.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(python.status().message()),
              HasSubstr("cannot be read"));
}

TEST_F(OddPlaces, ReplacedByAPackageUpdate) {
  PythonTarget target(copy_, kReady);
  ASSERT_EQ(target.ReadLine(), "ready");
  const std::string original = ReadFile(copy_);
  fs::copy_file("/bin/sh", copy_ + ".new");
  fs::rename(copy_ + ".new", copy_);
  const auto python = Identify(target.pid(), "/proc");
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_EQ(ReadFile(python->open_path), original);
}

TEST_F(OddPlaces, AnotherMountNamespace) {
  PythonTarget target("/bin/sh", std::string("exec unshare -m sh -c '"
                                             "mount -t tmpfs none /mnt && "
                                             "cp ") +
                                     python_ +
                                     " /mnt/app && exec /mnt/app -c "
                                     "\"import sys; print(1, flush=True); "
                                     "sys.stdin.readline()\"'");
  if (target.ReadLine() != "1") {
    GTEST_SKIP() << "no mount namespace can be made here";
  }
  ASSERT_FALSE(fs::exists("/mnt/app"));
  const auto python = Identify(target.pid(), "/proc");
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_EQ(python->build.object_path, "/mnt/app");
  EXPECT_EQ(ReadFile(python->open_path), ReadFile(python_));
}

// Where map_files may not be read, the path below root/ must lead to the very
// file that is mapped.
class WithoutMapFiles : public OddPlaces {
 protected:
  void SetUp() override {
    OddPlaces::SetUp();
    if (IsSkipped()) return;
    target_.emplace(copy_, kReady);
    ASSERT_EQ(target_->ReadLine(), "ready");
    const int32_t pid = target_->pid();
    auto process = root_.AddProcess(pid);
    process.Maps(ReadFile("/proc/" + std::to_string(pid) + "/maps"));
    inside_ = process.path() / "root" / fs::path(copy_).relative_path();
    fs::create_directories(inside_.parent_path());
  }
  absl::StatusOr<core::PythonProcess> IdentifyTarget() {
    return Identify(target_->pid(), root_.proc());
  }
  FakeProcRoot root_;
  std::optional<PythonTarget> target_;
  fs::path inside_;
};

TEST_F(WithoutMapFiles, SameFileByPath) {
  fs::copy_file(copy_, inside_);
  const auto python = IdentifyTarget();
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_EQ(python->open_path, inside_.string());
}

TEST_F(WithoutMapFiles, AnotherBuildAtThePathIsRefused) {
  std::string other = ReadFile(copy_);
  other[9] ^= 1;  // padding of the ELF header
  std::ofstream(inside_, std::ios::binary) << other;
  const auto python = IdentifyTarget();
  EXPECT_EQ(python.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(python.status().message()),
              HasSubstr("not the one that the process runs"));
}

TEST_F(WithoutMapFiles, LinkOutOfTheContainerIsNotFollowed) {
  fs::create_symlink(copy_, inside_);
  EXPECT_FALSE(IdentifyTarget().ok());
}

TEST_F(WithoutMapFiles, PipeAtThePathDoesNotBlock) {
  ASSERT_EQ(::mkfifo(inside_.c_str(), 0600), 0);
  EXPECT_FALSE(IdentifyTarget().ok());
}

TEST_F(WithoutMapFiles, MappingsThatLieAreAnError) {
  fs::copy_file(copy_, inside_);
  std::string maps =
      ReadFile(root_.proc() + "/" + std::to_string(target_->pid()) + "/maps");
  // Every address moved: nothing is where the file says.
  for (char& c : maps) {
    if (c == '4') c = '5';
  }
  root_.AddProcess(target_->pid()).Maps(maps);
  EXPECT_FALSE(IdentifyTarget().ok());
}

TEST(UwsgiTest, PreforkWorkerIsFound) {
  TempDir directory;
  const std::string application = (directory.path() / "app.py").string();
  std::ofstream(application)
      << "import os, sys, uwsgi\n"
         "def say():\n"
         "    sys.stdout.write('worker %d %d\\n' % (os.getpid(), id(type)))\n"
         "    sys.stdout.flush()\n"
         "uwsgi.post_fork_hook = say\n"
         "def application(environ, start): return []\n";
  const std::string socket = (directory.path() / "socket").string();
  PythonTarget target("/bin/sh",
                      std::string("exec ") + kUwsgi +
                          " --plugin python3 --need-app --master --no-orphans "
                          "--processes 1 --socket " +
                          socket + " --wsgi-file " + application + " 2>&1");
  int worker = 0;
  uint64_t type = 0;
  std::string log;
  for (int i = 0; i < 200 && worker == 0; ++i) {
    const std::string line = target.ReadLine();
    if (line.empty()) break;
    log += line + "\n";
    std::sscanf(line.c_str(), "worker %d %lu", &worker, &type);
  }
  ASSERT_NE(worker, 0) << log;
  const auto python = Identify(worker, "/proc");
  const auto master = Identify(target.pid(), "/proc");
  ::kill(worker, SIGKILL);
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_EQ(python->type_type_address, type);
  EXPECT_EQ(python->allocator, "pymalloc");
  EXPECT_NE(python->frames.thread_state_address, 0u);
  ASSERT_TRUE(master.ok()) << master.status();
}

// This very test program, embedding libpython by dlopen, as a server's plugin
// does.
class EmbeddedTest : public ::testing::TestWithParam<std::string> {};

[[noreturn]] void RunEmbedded(const std::string& library,
                              const std::string& home, int output) {
  ::setenv("PYTHONHOME", home.c_str(), 1);
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) ::_exit(1);
  const auto initialize =
      reinterpret_cast<void (*)(int)>(::dlsym(handle, "Py_InitializeEx"));
  const auto run = reinterpret_cast<int (*)(const char*)>(
      ::dlsym(handle, "PyRun_SimpleString"));
  if (initialize == nullptr || run == nullptr) ::_exit(1);
  ::dup2(output, 1);
  initialize(0);
  run("import sys, time; print('ready', flush=True); time.sleep(60)");
  ::_exit(0);
}

TEST_P(EmbeddedTest, IsFoundUnderAnotherName) {
  PythonTarget asked(GetParam(),
                     "import sys, sysconfig as s\n"
                     "print(s.get_config_var('LIBDIR') + '/' + "
                     "str(s.get_config_var('INSTSONAME')))\n"
                     "print(sys.base_prefix); sys.stdout.flush()");
  const std::string library = asked.ReadLine();
  const std::string home = asked.ReadLine();
  if (library.find(".so") == std::string::npos || !fs::exists(library)) {
    GTEST_SKIP() << "built without a shared library";
  }
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    RunEmbedded(library, home, pipe[1]);
  }
  ::close(pipe[1]);
  char line[5] = {};
  const bool ready = ::read(pipe[0], line, sizeof(line)) == sizeof(line);
  const auto python = Identify(pid, "/proc");
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::close(pipe[0]);
  ASSERT_TRUE(ready) << "the embedded interpreter did not start";
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_TRUE(python->build.shared_library);
  EXPECT_EQ(fs::canonical(python->build.object_path), fs::canonical(library));
  EXPECT_NE(python->frames.thread_state_address, 0u);
}

INSTANTIATE_TEST_SUITE_P(Pythons, EmbeddedTest,
                         ::testing::ValuesIn(SupportedPythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EmbeddedTest);

}  // namespace
}  // namespace plimsoll::python

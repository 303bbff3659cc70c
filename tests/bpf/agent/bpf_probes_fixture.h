// The agent's probes behind their port, on a live Python.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_PROBES_FIXTURE_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_PROBES_FIXTURE_H_

#include <dirent.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/bpf/hit_cost.h"
#include "agent/bpf_probes.h"
#include "agent/event_loop.h"
#include "agent/inspector/blocking_inspector.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/support/bpf_requirement.h"
#include "tests/support/fake_agent_world.h"

namespace plimsoll::agent {

using testing::BpfTarget;
using testing::FakeTime;
using testing::StrippedPythons;

inline constexpr int64_t kSecond = 1'000'000'000;
inline constexpr char kScript[] = R"(
import sys, ctypes, gc, mmap, os, time
gc.disable()
def collect(n):
    for i in range(n): gc.collect()
libc = ctypes.CDLL(None)
def take(n):  # room for pages, none of them huge
    memory = mmap.mmap(-1, n * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(n * 4096), 15)
    return memory
PAGES, kept = 2000, []
def touch(memory, n):
    for i in range(n): memory[i * 4096] = 1
shared = take(PAGES)
touch(shared, PAGES)
def fork(seconds):  # a worker, which shares all pages
    if os.fork() == 0:
        time.sleep(seconds)
        os._exit(0)
def again(n): touch(shared, PAGES)
def grow(n):
    kept.append(take(n))
    touch(kept[-1], n)
jobs = dict(collect=collect, fork=fork, again=again, grow=grow)
sys.stdout.write('done\n'); sys.stdout.flush()
while True:
    words = sys.stdin.readline().split()
    for i in range(0, len(words), 2): jobs[words[i]](int(words[i + 1]))
    sys.stdout.write('done\n'); sys.stdout.flush()
)";

// The inspector's child, asked at once.
class Pages final : public core::NativeInspector {
 public:
  Pages() {
    inspector::InspectorOptions options;
    options.program =
        std::string(::getenv("PLIMSOLL_BIN_DIR")) + "/plimsoll-inspector";
    auto made = inspector::BlockingInspector::Make(options);
    if (made.ok()) inspector_ = *std::move(made);
  }
  bool ok() const { return inspector_ != nullptr; }
  void UnwindStacks(const core::PythonProcess&,
                    std::vector<core::NativeSnapshot>, UnwindDone) override {}
  void ReadResidentPages(const core::PythonProcess& python,
                         PagesDone done) override {
    done(inspector_->ReadResidentPages(python));
  }

 private:
  std::unique_ptr<inspector::BlockingInspector> inspector_;
};

inline int OpenLinks() {
  int links = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(directory)) {
    char target[64] = {};
    std::string path = std::string("/proc/self/fd/") + entry->d_name;
    ssize_t length = ::readlink(path.c_str(), target, sizeof(target) - 1);
    links +=
        length > 0 && std::string(target).find("bpf_link") != std::string::npos;
  }
  ::closedir(directory);
  return links;
}

class BpfProbesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    if (StrippedPythons().empty()) GTEST_SKIP() << "no /usr/bin/python3.11";
    kernel_ = bpf::KernelSupport::Detect();
    auto costs = bpf::CalibrateHitCosts(kernel_);
    ASSERT_TRUE(costs.ok()) << costs.status();
    costs_ = *costs;
    auto loop = EventLoop::Create();
    ASSERT_TRUE(loop.ok());
    loop_ = *std::move(loop);
  }
  BpfProbes Make(core::GovernorOptions options = {}) {
    return {
        kernel_,
        costs_,
        procfs::ProcRoot(),
        &time_,
        [this](std::function<void()> work) { loop_->Post(std::move(work)); },
        options};
  }
  static core::ProcessId IdOf(const BpfTarget& target) {
    return {target.pid(), target.process().start_ticks, 0};
  }

  bpf::KernelSupport kernel_;
  core::HitCosts costs_;
  FakeTime time_;
  std::unique_ptr<EventLoop> loop_;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_PROBES_FIXTURE_H_

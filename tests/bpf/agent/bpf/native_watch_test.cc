// Native growth followed to what stays: the code that keeps is named, amid as
// much code that makes and drops the same sizes as a core can run.
#include <gtest/gtest.h>
#include <time.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/bpf/birth_watch.h"
#include "agent/core/birth_run.h"
#include "agent/core/native_rows.h"
#include "agent/inspector/blocking_inspector.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/support/bpf_requirement.h"
#include "tests/support/native_library.h"

namespace plimsoll::testing {
namespace {

// run(size, churn, rate, steps): forever; at each step `churn` blocks are made
// and dropped and one is kept, `rate` steps a second (0: as fast as it goes).
constexpr char kLibrary[] = R"(
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>
static void *volatile last;
static __attribute__((noinline)) void keep_one(size_t size) {
  char *block = malloc(size);
  memset(block, 1, size);
  last = block;
}
static __attribute__((noinline)) void drop_one(size_t size) {
  char *block = malloc(size);
  memset(block, 2, 16);
  last = block;
  free(block);
}
static __attribute__((noinline)) void drop_some(size_t size) {
  void *blocks[12];
  for (int i = 0; i < 12; ++i) blocks[i] = malloc(size);
  for (int i = 0; i < 12; ++i) free(blocks[i]);
  __asm__ volatile("" ::: "memory");
}
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}
void run(long size, long churn, double rate) {
  double begin = now();
  for (long n = 0;; ++n) {
    for (long i = 0; i < churn; ++i) {
      if (i % 64 == 0) drop_some(size);
      drop_one(size);
    }
    keep_one(size);
    if (rate > 0) {
      double ahead = begin + n / rate - now();
      if (ahead > 0) {
        struct timespec t = {(time_t)ahead, (long)((ahead - (long)ahead) * 1e9)};
        nanosleep(&t, 0);
      }
    }
  }
}
)";

constexpr char kScript[] = R"(
import ctypes, sys
path, what, size, churn, rate = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])
library = ctypes.PyDLL(path)
library.run.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_double]
KEEP = []
def keep_native(): library.run(int(size), int(churn), rate)
def drop_bytes(n):
    for i in range(n): bytes(int(size))
def keep_bytes(): KEEP.append(bytes(int(size)))
def pace():
    import time
    begin, n = time.perf_counter(), 0
    while True:
        drop_bytes(int(churn)); keep_bytes(); n += 1
        ahead = begin + n / rate - time.perf_counter()
        if ahead > 0: time.sleep(ahead)
print('type', id(bytes)); print('done', flush=True)
keep_native() if what == 'native' else pace()
)";

struct Seen {
  absl::Status status;
  core::BirthCounts counts;
  core::StackProfile profile;
  std::string text;
  double share = 0;  // of the samples, those whose innermost frame is `named`
  int64_t samples = 0;
};

int64_t MonotonicNow() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class NativeWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    auto probe = bpf::BirthProbe::Create(bpf::KernelSupport::Detect());
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_ = std::make_unique<bpf::BirthProbe>(*std::move(probe));
    inspector::InspectorOptions options;
    options.program =
        std::string(::getenv("PLIMSOLL_BIN_DIR")) + "/plimsoll-inspector";
    auto inspector = inspector::BlockingInspector::Make(options);
    ASSERT_TRUE(inspector.ok()) << inspector.status();
    inspector_ = *std::move(inspector);
  }

  Seen Follow(const std::string& python, std::vector<std::string> arguments,
              double seconds, const std::string& named) {
    const bool native = arguments[0] == "native";
    arguments.insert(arguments.begin(), library_.path());
    BpfTarget target(python, kScript, arguments);
    Seen seen;
    auto watch = probe_->Watch(target.process());
    seen.status = watch.status();
    if (!watch.ok()) return seen;
    core::BirthRun run(
        target.process(), native ? "" : "bytes",
        native ? 0 : target.Number("type"),
        {.duration_ns = static_cast<int64_t>(seconds * 1e9),
         .budget_ns = 10e9,
         .seed = 7},
        watch->get(),
        [&](core::BirthLook look, core::BirthSession::LookDone done) {
          done(inspector_->LookAtBirths(target.process(), std::move(look)));
        },
        MonotonicNow());
    while (!run.done()) {
      run.Tick(MonotonicNow());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    seen.status = run.status();
    seen.counts = run.counts();
    Name(target, run.Profile(), seen);
    Describe(**watch, named, seen);
    EXPECT_EQ(target.target().Ended(), "") << seen.text;
    return seen;
  }

  void Name(const BpfTarget& target, core::RawProfile raw, Seen& seen) {
    seen.profile = std::move(raw.profile);
    for (const core::RawStack& stack : raw.stacks) {
      auto frames = inspector_->Symbolize(target.process(), stack.frames);
      seen.profile.stacks.push_back(
          {frames.ok() ? *frames : std::vector<core::Frame>{},
           stack.truncated});
    }
    if (raw.snapshots.empty()) return;
    auto stacks = inspector_->UnwindStacks(target.process(), raw.snapshots);
    ASSERT_TRUE(stacks.ok()) << stacks.status();
    const std::string& path = target.process().build.object_path;
    core::JoinNative(*stacks, path.substr(path.rfind('/') + 1), seen.profile);
  }

  static void Describe(const bpf::BirthWatch& watch, const std::string& named,
                       Seen& seen) {
    const core::BirthCounts& c = seen.counts;
    const bpf::BirthWatchUse use = watch.Use();
    std::ostringstream out;
    out << seen.status << " hits " << c.hits << " armed " << c.armed << " late "
        << c.late << " unreached " << c.unreached << " hot " << c.hot
        << " other " << c.other << " died " << c.died << " unread " << c.unread
        << " starved " << c.starved << " looks " << c.looks << " program "
        << use.program_ns_per_hit << " ns";
    int64_t right = 0;
    for (const core::StackCount& count : seen.profile.counts) {
      const core::Stack& stack = seen.profile.stacks[count.stack_index];
      seen.samples += count.allocations;
      out << "\n" << count.allocations << " x" << count.block_bytes << ":";
      for (const core::Frame& f : stack.frames) {
        out << " " << f.function << "@" << f.module << ":" << f.line;
      }
      if (!stack.frames.empty() && stack.frames[0].function == named) {
        right += count.allocations;
      }
    }
    for (const auto& [name, n] : use.drops) out << " drop " << name << ":" << n;
    seen.share = seen.samples == 0 ? 0
                                   : static_cast<double>(right) /
                                         static_cast<double>(seen.samples);
    seen.text = out.str();
  }

  void Expect(const std::string& python, std::vector<std::string> arguments,
              double seconds, const std::string& named, int64_t least) {
    const Seen seen = Follow(python, arguments, seconds, named);
    std::string text = python;
    for (const std::string& argument : arguments) text += " " + argument;
    text += ": " + std::to_string(seen.samples) + " samples; " + seen.text;
    std::printf("%s\n", text.c_str());
    EXPECT_TRUE(seen.status.ok()) << text;
    EXPECT_GE(seen.samples, least) << text;
    EXPECT_EQ(seen.share, 1) << text;
  }

  NativeLibrary library_{"libkeeper.so", kLibrary, {"-g"}};
  std::unique_ptr<bpf::BirthProbe> probe_;
  std::unique_ptr<inspector::BlockingInspector> inspector_;
};

TEST_F(NativeWatchTest, ALeakWithoutChurn) {
  for (const std::string& python : StrippedPythons()) {
    Expect(python, {"native", "100", "0", "2000"}, 5, "keep_one", 3);
  }
}

TEST_F(NativeWatchTest, AThousandfoldChurnOfTheSameSize) {
  for (const std::string& python : StrippedPythons()) {
    for (const char* size : {"60", "400"}) {
      Expect(python, {"native", size, "1000", "1000"}, 6, "keep_one", 3);
    }
  }
}

TEST_F(NativeWatchTest, BlocksThatNoCacheHolds) {
  for (const std::string& python : StrippedPythons()) {
    for (const char* churn : {"0", "100"}) {
      Expect(python, {"native", "5000", churn, "200"}, 6, "keep_one", 3);
    }
  }
}

TEST_F(NativeWatchTest, ObjectsOver512Bytes) {
  for (const std::string& python : StrippedPythons()) {
    Expect(python, {"bytes", "700", "100", "500"}, 6, "keep_bytes", 3);
  }
}

}  // namespace
}  // namespace plimsoll::testing

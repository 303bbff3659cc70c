// Page faults with copies of the stack, unwound by the product's own child: the
// code that touched the pages is named, on a stripped interpreter too.
#include "agent/bpf/native_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "agent/core/fresh_pages.h"
#include "agent/core/native_growth.h"
#include "agent/inspector/blocking_inspector.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/support/bpf_requirement.h"
#include "tests/support/native_library.h"

namespace plimsoll::bpf {
namespace {

using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::kKeepingLibrary;
using ::plimsoll::testing::NativeLibrary;
using ::plimsoll::testing::PlainPythons;
using ::plimsoll::testing::StrippedPythons;
using ::plimsoll::testing::TestName;

constexpr char kScript[] = R"(
import sys, os, ctypes, mmap, threading
def load(kind):
    library = kind(sys.argv[1])
    library.keep.argtypes = [ctypes.c_int, ctypes.c_size_t]
    return library
# A foreign function of CDLL runs without the GIL, one of PyDLL with it.
free, held_gil = load(ctypes.CDLL), load(ctypes.PyDLL)
def keep_small(n): held_gil.keep(n, 1000)
def keep_large(n): held_gil.keep(n, 1 << 20)
def keep_without_gil(n): free.keep(n, 1000)
def keep_in_thread(n):
    t = threading.Thread(target=free.keep, args=(n, 1000)); t.start(); t.join()
held = []
def grow_python(n): held.append([(i, ) for i in range(n)])
memory = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
def read_file(n):
    fd = os.open('/dev/zero', os.O_RDONLY)
    os.readv(fd, [memoryview(memory)[:n]]); os.close(fd)
def write_again(n):
    for i in range(0, n, 4096): memory[i] = 1
def fork(n):
    # Until the parent ends.
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write); os.read(read, 1); os._exit(0)
    held.append(write)
jobs = dict((f.__name__, f) for f in (keep_small, keep_large, keep_without_gil,
    keep_in_thread, grow_python, read_file, write_again, fork))
def say(name, value): sys.stdout.write('%s %d\n' % (name, value))
def answer(): sys.stdout.write('done\n'); sys.stdout.flush()
say('memory', ctypes.addressof(ctypes.c_char.from_buffer(memory))); answer()
while True:
    words = sys.stdin.readline().split()
    for i in range(0, len(words), 2): jobs[words[i]](int(words[i + 1]))
    answer()
)";

std::vector<std::string> SomePythons() {
  std::vector<std::string> some = PlainPythons(7, 15);
  for (const std::string& python : StrippedPythons()) some.push_back(python);
  return some;
}

bool Has(const core::NativeStack& stack, std::string_view function,
         std::string_view module) {
  for (const core::Frame& f : stack.frames) {
    if (f.function == function && f.module == module) return true;
  }
  return false;
}

class NativeProbeTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    auto probe = NativeProbe::Create(KernelSupport::Detect());
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_.emplace(*std::move(probe));
    inspector::InspectorOptions options;
    options.program =
        std::string(::getenv("PLIMSOLL_BIN_DIR")) + "/plimsoll-inspector";
    auto inspector = inspector::BlockingInspector::Make(options);
    ASSERT_TRUE(inspector.ok()) << inspector.status();
    inspector_ = *std::move(inspector);
  }

  void Take(const BpfTarget& target) { Take(target.process()); }
  void Take(const core::PythonProcess& process) {
    auto taken = probe_->Take(process.pid);
    ASSERT_TRUE(taken.ok()) << taken.status();
    taken_ = *std::move(taken);
    auto stacks = inspector_->UnwindStacks(process, taken_.samples);
    ASSERT_TRUE(stacks.ok()) << stacks.status();
    stacks_ = *std::move(stacks);
    ASSERT_EQ(stacks_.size(), taken_.samples.size());
  }

  // The stacks, each text once.
  std::string Describe() const {
    std::set<std::string> texts;
    for (const core::NativeStack& stack : stacks_) {
      std::string text = "\n";
      for (const core::Frame& f : stack.frames) {
        text += f.function + "@" + f.module + " < ";
      }
      texts.insert(text +
                   " end=" + std::to_string(static_cast<int>(stack.end)));
      if (texts.size() > 5) break;
    }
    std::string all;
    for (const std::string& text : texts) all += text;
    return all;
  }

  std::optional<NativeProbe> probe_;
  std::unique_ptr<inspector::BlockingInspector> inspector_;
  NativeTaken taken_;
  std::vector<core::NativeStack> stacks_;
};

TEST_P(NativeProbeTest, NamesTheFunctionsThatTouchedThePages) {
  NativeLibrary library("libkeeper.so", kKeepingLibrary, {"-g"});
  BpfTarget target(GetParam(), kScript, {library.path()});
  ASSERT_TRUE(probe_->Watch(target.process(), {}).ok());
  target.Command("keep_small 400");
  Take(target);
  int64_t named = 0, with_line = 0, complete = 0, with_python = 0;
  for (size_t i = 0; i < stacks_.size(); ++i) {
    if (!Has(stacks_[i], "keep_one", "libkeeper.so")) continue;
    ++named;
    EXPECT_TRUE(Has(stacks_[i], "keep_inner", "libkeeper.so"));
    EXPECT_TRUE(Has(stacks_[i], "keep", "libkeeper.so"));
    complete += stacks_[i].end == core::UnwindEnd::kComplete;
    with_python += taken_.samples[i].python_stack != 0;
    EXPECT_EQ(stacks_[i].page, core::PageOwner::kOther);
    for (const core::Frame& f : stacks_[i].frames) {
      with_line += f.function == "keep_one" && f.line >= 5 && f.line <= 7;
    }
  }
  // 400 blocks of 1,008 bytes are 98.4 pages, less what malloc had left over.
  EXPECT_GE(named, 80) << Describe();
  EXPECT_LE(named, 100);
  EXPECT_EQ(with_line, named);
  EXPECT_EQ(complete, named) << Describe();
  EXPECT_EQ(with_python, named);
  EXPECT_GT(taken_.program_ns_per_hit, 0);
  RecordProperty("program_ns_per_hit",
                 static_cast<int>(taken_.program_ns_per_hit));
  std::printf("program ns per hit: %.0f\n", taken_.program_ns_per_hit);
}

// Of a Python that is refused by name only pid and start are known.
TEST_P(NativeProbeTest, NothingNeedsToBeKnownOfTheInterpreter) {
  NativeLibrary library("libkeeper.so", kKeepingLibrary, {"-g"});
  BpfTarget target(GetParam(), kScript, {library.path()});
  const auto known = inspector_->Identify(target.pid());
  ASSERT_TRUE(known.ok()) << known.status();
  core::PythonProcess process =
      core::RefusedProcess(target.pid(), known->start_ticks);
  ASSERT_TRUE(probe_->Watch(process, {}).ok());
  target.Command("keep_small 400");
  Take(process);
  int64_t named = 0;
  for (size_t i = 0; i < stacks_.size(); ++i) {
    EXPECT_EQ(taken_.samples[i].python_stack, 0u);
    EXPECT_EQ(stacks_[i].page, core::PageOwner::kNotKnown);
    named += Has(stacks_[i], "keep_one", "libkeeper.so");
  }
  EXPECT_GE(named, 80) << Describe();
  EXPECT_GT(probe_->fault_ns(), 0);
  // Another life of that pid is not taken for it.
  process.start_ticks += 1;
  const auto stacks = inspector_->UnwindStacks(process, taken_.samples);
  EXPECT_TRUE(absl::IsNotFound(stacks.status())) << stacks.status();
}

TEST_P(NativeProbeTest, LargeBlocksAndThreadsWithoutTheGil) {
  NativeLibrary library("libkeeper.so", kKeepingLibrary, {});
  BpfTarget target(GetParam(), kScript, {library.path()});
  NativeOptions options;
  options.sample_period = 16;
  ASSERT_TRUE(probe_->Watch(target.process(), options).ok());
  target.Command("keep_large 4");
  Take(target);
  int64_t named = 0;
  for (const auto& stack : stacks_) {
    named += Has(stack, "keep_inner", "libkeeper.so");
  }
  EXPECT_NEAR(static_cast<double>(named), 64, 2) << Describe();
  target.Command("keep_in_thread 1600");
  Take(target);
  named = 0;
  for (size_t i = 0; i < stacks_.size(); ++i) {
    if (!Has(stacks_[i], "keep_inner", "libkeeper.so")) continue;
    ++named;
    EXPECT_NE(taken_.samples[i].tid, target.pid());
    EXPECT_EQ(stacks_[i].end, core::UnwindEnd::kComplete) << Describe();
  }
  EXPECT_NEAR(static_cast<double>(named), 1600 * 1008 / 4096.0 / 16, 6)
      << Describe();
}

TEST_P(NativeProbeTest, AStrippedLibraryIsNamedAsModuleAndNearestSymbol) {
  NativeLibrary library("libkeeper.so", kKeepingLibrary, {"-s"});
  BpfTarget target(GetParam(), kScript, {library.path()});
  ASSERT_TRUE(probe_->Watch(target.process(), {}).ok());
  target.Command("keep_small 400");
  Take(target);
  int64_t exported = 0;
  for (const auto& stack : stacks_) {
    exported += Has(stack, "keep", "libkeeper.so");
    EXPECT_FALSE(Has(stack, "keep_one", "libkeeper.so"));
    EXPECT_FALSE(Has(stack, "keep_inner", "libkeeper.so"));
  }
  EXPECT_GE(exported, 80) << Describe();
}

TEST_P(NativeProbeTest, PagesOfPymallocAreTold) {
  NativeLibrary library("libkeeper.so", kKeepingLibrary, {});
  BpfTarget target(GetParam(), kScript, {library.path()});
  ASSERT_TRUE(probe_->Watch(target.process(), {}).ok());
  target.Command("grow_python 20000");
  Take(target);
  int64_t pymalloc = 0;
  for (const auto& stack : stacks_) {
    pymalloc += stack.page == core::PageOwner::kPymalloc;
  }
  // 20,000 tuples of 64 bytes (with head) are 312 pages; the budget is 200.
  EXPECT_GE(pymalloc, 150) << Describe();
}

TEST_P(NativeProbeTest, CopyOnWriteAfterForkIsNotGrowth) {
  NativeLibrary library("libkeeper.so", kKeepingLibrary, {});
  BpfTarget target(GetParam(), kScript, {library.path()});
  const uint64_t begin = target.Number("memory");
  const auto in_memory = [&](const core::NativeSnapshot& s) {
    return s.address >= begin && s.address < begin + (8 << 20);
  };
  NativeOptions options;
  options.max_samples_per_take = 240;
  ASSERT_TRUE(probe_->Watch(target.process(), options).ok());
  core::FreshPages pages;
  const auto know = [&] {
    auto resident = inspector_->ReadResidentPages(target.process());
    ASSERT_TRUE(resident.ok()) << resident.status();
    pages.Reset(*std::move(resident));
  };
  know();
  // The kernel itself writes to fresh memory: 100 pages of growth.
  target.Command("read_file 409600");
  Take(target);
  int64_t fresh = 0, in_kernel = 0;
  for (const auto& sample : taken_.samples) {
    if (!in_memory(sample) || !pages.Touch(sample.address)) continue;
    ++fresh;
    in_kernel += sample.in_kernel;
  }
  EXPECT_NEAR(static_cast<double>(fresh), 100, 2);
  EXPECT_NEAR(static_cast<double>(in_kernel), 100, 2);
  know();
  target.Command("fork 0");
  Take(target);  // what forking itself touched, which fills a budget
  target.Command("write_again 409600");
  Take(target);
  int64_t again = 0;
  fresh = 0;
  for (const auto& sample : taken_.samples) {
    if (!in_memory(sample)) continue;
    ++again;
    fresh += pages.Touch(sample.address);
  }
  EXPECT_GE(again, 98) << "the fork left the pages shared";
  EXPECT_EQ(fresh, 0);
}

INSTANTIATE_TEST_SUITE_P(Pythons, NativeProbeTest,
                         ::testing::ValuesIn(SomePythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NativeProbeTest);

}  // namespace
}  // namespace plimsoll::bpf

// Stacks of a Python that is refused by name: nothing but its pid and start is
// given to the unwinder, and what that names is what is shipped.
#include "agent/stack_namer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/support/fake_agent_world.h"
#include "tests/support/fake_proc_root.h"

namespace plimsoll::agent {
namespace {

using testing::FakeInspector;
using testing::FakeProcRoot;
using testing::FakeTime;

class FakeUnwinder final : public core::NativeInspector {
 public:
  core::PythonProcess asked;
  absl::Status refusal;

  void UnwindStacks(const core::PythonProcess& python,
                    std::vector<core::NativeSnapshot> snapshots,
                    UnwindDone done) override {
    asked = python;
    if (!refusal.ok()) return done(refusal);
    core::NativeStack stack;
    for (const char* function : {"mi_page_fresh", "list_resize"}) {
      core::Frame& frame = stack.frames.emplace_back();
      frame.function = function;
      frame.module = "python3.13";
      frame.native = true;
    }
    done(std::vector<core::NativeStack>(snapshots.size(), stack));
  }
  void ReadResidentPages(const core::PythonProcess&, PagesDone done) override {
    done(absl::UnimplementedError("not asked for"));
  }
};

class StackNamerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_.AddProcess(42).Stat(1042).Status(5000).Maps("");
    table_.Add(id_, absl::UnimplementedError("a free-threaded CPython"));
  }
  core::StackProfile NameTwoSamples() {
    core::RawProfile raw;
    raw.profile.kind = core::ProfileKind::kPage;
    raw.stacks.resize(2);
    raw.snapshots.resize(2);
    for (uint32_t i = 0; i < 2; ++i) {
      core::StackCount& count = raw.profile.counts.emplace_back();
      count.stack_index = i;
      count.allocations = 10;
      count.allocated_bytes = 40'960;
    }
    core::StackProfile named;
    StackNamer namer(&table_, &inspector_, &unwinder_);
    namer.Name(id_, std::move(raw), [&named](core::StackProfile profile) {
      named = std::move(profile);
    });
    return named;
  }

  const core::ProcessId id_{42, 1042, 0};
  Config config_;
  FakeProcRoot root_;
  FakeTime time_;
  FakeInspector inspector_;
  FakeUnwinder unwinder_;
  ProcessTable table_{config_,
                      procfs::ProcRoot(root_.proc()),
                      procfs::CgroupReader({}),
                      nullptr,
                      "BPF is off",
                      nullptr,
                      nullptr,
                      &time_,
                      100};
};

TEST_F(StackNamerTest, ARefusedPythonsStacksAreNative) {
  const core::StackProfile named = NameTwoSamples();
  EXPECT_EQ(unwinder_.asked.pid, 42);
  EXPECT_EQ(unwinder_.asked.start_ticks, 1042u);
  EXPECT_EQ(unwinder_.asked.type_type_address, 0u);
  // The two are one row, and no frame of the interpreter is left out.
  ASSERT_EQ(named.counts.size(), 1u);
  EXPECT_EQ(named.counts[0].allocated_bytes, 81'920);
  ASSERT_EQ(named.stacks.size(), 1u);
  ASSERT_EQ(named.stacks[0].frames.size(), 2u);
  EXPECT_EQ(named.stacks[0].frames[0].function, "mi_page_fresh");
  EXPECT_EQ(named.stacks[0].frames[1].module, "python3.13");
  EXPECT_TRUE(named.stacks[0].frames[1].native);
}

TEST_F(StackNamerTest, ItIsSaidThatTheyCouldNotBeUnwound) {
  unwinder_.refusal = absl::NotFoundError("it has ended");
  EXPECT_THAT(NameTwoSamples().refusal, ::testing::HasSubstr("it has ended"));
}

}  // namespace
}  // namespace plimsoll::agent

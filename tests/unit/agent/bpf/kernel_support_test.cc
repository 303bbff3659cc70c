#include "agent/bpf/kernel_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::bpf {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(KernelSupportTest, TheBestRungThatWorksIsTaken) {
  KernelSupport kernel;
  EXPECT_EQ(*kernel.Rung(), UprobeRung::kUprobeMulti);
  kernel.Refuse(UprobeRung::kUprobeMulti, "too old");
  EXPECT_EQ(*kernel.Rung(), UprobeRung::kTracefs);
  kernel.Refuse(UprobeRung::kTracefs, "not mounted");
  EXPECT_EQ(*kernel.Rung(), UprobeRung::kPerf);
  kernel.Refuse(UprobeRung::kPerf, "not permitted");
  EXPECT_EQ(kernel.RungRefusals().at("tracefs"), "not mounted");
  EXPECT_EQ(kernel.RungRefusals().size(), 3u);
  EXPECT_THAT(std::string(kernel.Rung().status().message()),
              AllOf(HasSubstr("too old"), HasSubstr("not mounted"),
                    HasSubstr("not permitted")));
}

TEST(KernelSupportTest, WithoutBpfThereIsNoRung) {
  KernelSupport kernel;
  kernel.bpf_refusal = "no BPF";
  EXPECT_EQ(kernel.Rung().status().message(), "no BPF");
}

TEST(KernelSupportTest, RungsAreNamed) {
  EXPECT_STREQ(UprobeRungName(UprobeRung::kUprobeMulti), "uprobe_multi");
  EXPECT_STREQ(UprobeRungName(UprobeRung::kTracefs), "tracefs");
  EXPECT_STREQ(UprobeRungName(UprobeRung::kPerf), "perf");
}

}  // namespace
}  // namespace plimsoll::bpf

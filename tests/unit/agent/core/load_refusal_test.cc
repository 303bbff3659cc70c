#include "agent/core/load_refusal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "agent/core/self_check.h"

namespace plimsoll::core {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t Bit(Capability capability) {
  return uint64_t{1} << static_cast<int>(capability);
}
constexpr uint64_t kBoth = Bit(Capability::kBpf) | Bit(Capability::kPerfmon);

// As a 6.18 writes it.
constexpr char kLog[] = R"(0: R1=ctx() R10=fp0
; return *(int *)(long)7; @ refused.bpf.c:9
0: (b7) r1 = 7                        ; R1_w=7
1: (61) r0 = *(u32 *)(r1 +0)
R1 invalid mem access 'scalar'
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0
)";

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST(VerifierObjectionTest, IsTheLastLineBeforeTheStatistics) {
  EXPECT_EQ(VerifierObjection(kLog), "R1 invalid mem access 'scalar'");
  EXPECT_EQ(VerifierObjection("BPF program is too large. Processed 1000001 "
                              "insn\nverification time 9 usec\nstack depth 8\n"
                              "processed 1000001 insns\n\n"),
            "BPF program is too large. Processed 1000001 insn");
  EXPECT_EQ(VerifierObjection("no end of line"), "no end of line");
  EXPECT_EQ(VerifierObjection(""), "");
  EXPECT_EQ(VerifierObjection("\n \nprocessed 0 insns\n"), "");
  EXPECT_EQ(VerifierObjection(std::string(5'000, 'x')).size(), 200U);
}

// EACCES was always said to be a right that is missing.
TEST(LoadRefusalTest, AVerifierThatRefusesIsNoMissingRight) {
  const absl::Status status = LoadRefusal({"gc", EACCES, kBoth, kLog});
  EXPECT_TRUE(IsVerifierRefusal(status)) << status;
  EXPECT_THAT(
      Message(status),
      AllOf(HasSubstr("BPF object gc"), HasSubstr("no matter of rights"),
            HasSubstr("\"R1 invalid mem access 'scalar'\""),
            Not(HasSubstr("root"))));
  // What is too large or calls what this kernel has not is no wrong argument
  // of the user's.
  for (const int error : {EINVAL, E2BIG}) {
    EXPECT_TRUE(IsVerifierRefusal(
        LoadRefusal({"gc", error, Bit(Capability::kSysAdmin), kLog})));
  }
}

// It verifies more strictly then, so its log says nothing of what to do.
TEST(LoadRefusalTest, AMissingRightIsNamedThoughTheVerifierWroteALog) {
  const absl::Status status =
      LoadRefusal({"gc", EACCES, Bit(Capability::kBpf), kLog});
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_FALSE(IsVerifierRefusal(status));
  EXPECT_THAT(Message(status), AllOf(HasSubstr("grant CAP_PERFMON, or run it"),
                                     Not(HasSubstr("CAP_BPF"))));
  EXPECT_THAT(Message(LoadRefusal({"gc", EPERM, 0, ""})),
              HasSubstr("grant CAP_BPF and CAP_PERFMON"));
}

TEST(LoadRefusalTest, WhatIsForbiddenToAllIsSaidSo) {
  const absl::Status status = LoadRefusal({"gc", EPERM, kBoth, ""});
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(Message(status), AllOf(HasSubstr("seccomp"), HasSubstr("--check"),
                                     Not(HasSubstr("grant"))));
}

TEST(LoadRefusalTest, OtherErrorsAreWhatTheyAre) {
  const absl::Status status = LoadRefusal({"gc", ENOMEM, 0, ""});
  EXPECT_FALSE(absl::IsPermissionDenied(status));
  EXPECT_THAT(Message(status), HasSubstr("load BPF object gc"));
}

// A program that was not loaded was said to lack CAP_CHECKPOINT_RESTORE.
TEST(LoadRefusalTest, WithoutCostsTheReasonIsThatOfTheLoad) {
  EXPECT_THAT(NoHitCosts(LoadRefusal({"calibrate", EPERM, 0, ""})),
              AllOf(HasSubstr("grant CAP_BPF and CAP_PERFMON"),
                    Not(HasSubstr("CHECKPOINT"))));
  EXPECT_THAT(NoHitCosts(absl::PermissionDeniedError("attach a uprobe")),
              HasSubstr("CAP_CHECKPOINT_RESTORE"));
}

TEST(SelfCheckTest, OfAVerifierThatRefusesNoCapabilityIsAskedFor) {
  Surroundings s;
  s.btf = true;
  s.capabilities = kBoth;
  Trials trials;
  trials.lifecycle = LoadRefusal({"lifecycle", EACCES, kBoth, kLog});
  for (const TierCheck& row : Judge(s, trials).tiers) {
    if (row.tier != "events") continue;
    EXPECT_FALSE(row.works);
    EXPECT_THAT(row.reason, HasSubstr("R1 invalid mem access"));
    EXPECT_THAT(row.remedy,
                AllOf(HasSubstr("no right helps"), Not(HasSubstr("grant"))));
  }
}

}  // namespace
}  // namespace plimsoll::core

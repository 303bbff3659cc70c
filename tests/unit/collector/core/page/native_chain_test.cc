// Native growth on a page: whose code asked, and who called it.
#include "collector/core/page/page_text.h"
#include "collector/core/ports.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace plimsoll::collector {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A library that an extension calls asked, and the page did not say which one
// had called it.
TEST(NativeChain, GrowthInALibraryNamesWhatCalledIt) {
  Incident i;
  i.cause = Verdict::kNative;
  StackEvidence row;
  row.kind = "native";
  row.frames = {{"xmlStrdup", "", "libxml2.so.2", 0, true},
                {"xmlNewNode", "", "libxml2.so.2", 0, true},
                {"", "", "etree.so", 0, true},
                {"ffi_call", "", "libffi.so.8", 0, true},
                {"run", "", "libmore.so", 0, true},
                {"render", "/srv/app/thumbs.py", "", 6, false}};
  i.stacks = {row};
  EXPECT_THAT(
      WritePage(i, "").made_at,
      StartsWith("libxml2.so.2 xmlStrdup (its file has no line table) <- "
                 "etree.so <- libffi.so.8 ffi_call <- "
                 "app/thumbs.py:6 render; "));
  // A thread that no Python runs in.
  i.stacks[0].frames = {{"", "", "libpool.so", 0, true}};
  EXPECT_THAT(WritePage(i, "").made_at,
              StartsWith("libpool.so (known to the module only); "));
}

Incident NativeLeak() {
  Incident i;
  i.cause = Verdict::kNative;
  i.rule = "imminent";
  i.bytes_per_s = {2e6 / 60, 1.9e6 / 60, 2.1e6 / 60};
  i.native_bytes_per_s = i.bytes_per_s;
  i.shares = {0.02, 0.01, 0.97};
  return i;
}

// The line began with a type that made a hundredth of the growth, or with "not
// known yet: no type's objects rise".
TEST(NativeWords, LeadWithTheRateAndTheModuleWhereItIsKnown) {
  Incident i = NativeLeak();
  EXPECT_EQ(WritePage(i, "").what,
            "native memory +1.9 MiB/min, 97.0 % of growth: memory outside "
            "Python's allocator (of the growth: 2 % live Python, 97.0 % "
            "outside its allocator, 1 % free in it)");
  GrowingType array;
  array.type = "numpy.ndarray";
  array.objects_per_s = {20, 19, 21};
  array.share = 0.02;
  i.types = {array};
  StackEvidence row;
  row.kind = "native";
  row.frames = {{"", "", "libmore.so", 0, true}};
  i.stacks = {row};
  EXPECT_THAT(WritePage(i, "").what,
              AllOf(StartsWith("native memory +1.9 MiB/min, 97.0 % of growth, "
                               "asked for in libmore.so: memory outside"),
                    HasSubstr("; also numpy.ndarray +1,200/min")));
}

TEST(NativeWords, StandBesideTheTypeWhereTheCauseIsMixed) {
  Incident i = NativeLeak();
  i.cause = Verdict::kMixed;
  i.shares = {0.45, 0.03, 0.52};
  GrowingType row;
  row.type = "shop.Row";
  row.objects_per_s = {20, 19, 21};
  row.share = 0.45;
  i.types = {row};
  EXPECT_THAT(
      WritePage(i, "").what,
      AllOf(StartsWith("shop.Row +1,200/min, 45 % of growth: "),
            HasSubstr("; native memory +1016 KiB/min, 52 % of growth")));
  i.cause = Verdict::kPythonObject;
  EXPECT_THAT(WritePage(i, "").what, Not(HasSubstr("native memory")));
}

TEST(NativeWords, SayWhatWasAskedForAndWhatBecameOfIt) {
  Incident i = NativeLeak();
  i.evidence_requested_ns = 1;
  i.requests = {{1, command::kSampleNative, "", "", 1, 0}};
  EXPECT_EQ(WritePage(i, "").made_at,
            "not known yet: native memory is followed, its stacks have not "
            "come so far");
  i.requests[0].outcome = "done";
  i.follow_problem = "the growth of malloc was not followed: all was freed";
  EXPECT_EQ(WritePage(i, "").made_at,
            "not known: native memory was followed and nothing stayed; the "
            "growth of malloc was not followed: all was freed");
}

}  // namespace
}  // namespace plimsoll::collector

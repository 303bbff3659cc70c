// Native growth on a page: whose code asked, and who called it.
#include "collector/core/page/page_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace plimsoll::collector {
namespace {

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

}  // namespace
}  // namespace plimsoll::collector

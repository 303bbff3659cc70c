#include "agent/python/python_version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace plimsoll::python {
namespace {

using ::testing::HasSubstr;

VersionEvidence Agreeing() {
  return {.exports_minor = 11,
          .version_hex = 0x030b02f0,
          .text = core::PythonVersion{3, 11, 2},
          .file_name = core::PythonVersion{3, 11, 0}};
}

void ExpectRefusal(const VersionEvidence& evidence, const std::string& words) {
  const auto version = DecideVersion(evidence);
  EXPECT_EQ(version.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(version.status().message()), HasSubstr(words));
}

TEST(DecideVersion, AllAgree) {
  const auto version = DecideVersion(Agreeing());
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(ToString(*version), "3.11.2");
}

TEST(DecideVersion, OldVersionsByExportsAndText) {
  VersionEvidence e;
  e.exports_minor = 9;
  e.text = core::PythonVersion{3, 9, 18};
  ASSERT_TRUE(DecideVersion(e).ok());
  e.text.reset();
  ExpectRefusal(e, "neither Py_Version nor a version text");
  e.text_ambiguous = true;
  ExpectRefusal(e, "several version texts");
}

TEST(DecideVersion, DisagreementIsNamed) {
  VersionEvidence e = Agreeing();
  e.exports_minor = 12;
  ExpectRefusal(e, "says 3.11.2, its exports say 3.12");
  e = Agreeing();
  e.text = core::PythonVersion{3, 11, 7};
  ExpectRefusal(e, "Py_Version says 3.11.2, its text says 3.11.7");
  e = Agreeing();
  e.file_name = core::PythonVersion{3, 10, 0};
  ExpectRefusal(e, "named 3.10 and is 3.11.2");
  e = Agreeing();
  e.exports_minor.reset();
  ExpectRefusal(e, "fit no release");
}

TEST(DecideVersion, PrereleaseIsRefused) {
  VersionEvidence e = Agreeing();
  e.version_hex = 0x030b02a4;
  ExpectRefusal(e, "pre-release");
}

TEST(DecideVersion, NewerThanOurNewestMarkerIsAVersion) {
  VersionEvidence e;
  e.exports_minor = 14;
  e.version_hex = 0x030f00f0;
  const auto version = DecideVersion(e);
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(version->minor, 15);
}

TEST(ParseVersionText, Forms) {
  bool prerelease = false;
  EXPECT_EQ(ParseVersionText("3.9.18", &prerelease),
            (core::PythonVersion{3, 9, 18}));
  EXPECT_FALSE(prerelease);
  EXPECT_TRUE(ParseVersionText("3.11.7+", &prerelease));
  EXPECT_FALSE(prerelease);
  EXPECT_TRUE(ParseVersionText("3.13.0rc2", &prerelease));
  EXPECT_TRUE(prerelease);
  EXPECT_TRUE(ParseVersionText("3.12.0a4", &prerelease));
  EXPECT_TRUE(prerelease);
  for (const char* text : {"", "3", "3.9", "3.9.", "3.9.x", "3.9.1.2",
                           "3.9.99999999999", "-3.9.1"}) {
    EXPECT_FALSE(ParseVersionText(text, nullptr)) << text;
  }
}

TEST(VersionOfFileName, NamesAndOthers) {
  EXPECT_EQ(VersionOfFileName("/usr/lib/libpython3.7m.so.1.0"),
            (core::PythonVersion{3, 7, 0}));
  EXPECT_EQ(VersionOfFileName("/usr/bin/python3.11"),
            (core::PythonVersion{3, 11, 0}));
  EXPECT_FALSE(VersionOfFileName("/usr/bin/uwsgi"));
  EXPECT_FALSE(VersionOfFileName("/usr/bin/python3"));
  EXPECT_FALSE(VersionOfFileName("/usr/lib/python3_plugin.so"));
  EXPECT_FALSE(VersionOfFileName(""));
}

}  // namespace
}  // namespace plimsoll::python

#include "agent/self_check_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace plimsoll::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

core::Surroundings Confined() {
  core::Surroundings s;
  s.kernel = "6.1.0-test";
  s.security_label = "a\x1b[31m\xff\"";
  s.yama_scope = 1;
  s.seccomp_mode = 2;
  s.cgroup_v1 = true;
  return s;
}

core::SelfCheck WithOneLost() {
  core::Trials trials;
  trials.closed_files = absl::PermissionDeniedError("closed\nto all");
  return core::Judge(Confined(), trials);
}

TEST(SelfCheckTextTest, APersonReadsWhatIsLostAndWhatToDo) {
  const std::string text = RenderSelfCheck(Confined(), WithOneLost());
  EXPECT_THAT(text, HasSubstr("kernel 6.1.0-test: 10 of 11 work here"));
  EXPECT_THAT(text, HasSubstr("census    + live objects by type\n"));
  EXPECT_THAT(text, HasSubstr("requests  - environment and request counters"));
  EXPECT_THAT(text, HasSubstr("            not: closed?to all\n"));
  EXPECT_THAT(text, HasSubstr("do:  grant CAP_DAC_READ_SEARCH"));
  EXPECT_THAT(text, HasSubstr("seccomp                    filter"));
  EXPECT_THAT(text, HasSubstr("lockdown                   not there"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  size_t begin = 0;
  for (size_t end = text.find('\n'); end != std::string::npos;
       end = text.find('\n', begin)) {
    EXPECT_LE(end - begin, 130u) << text.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST(SelfCheckTextTest, AProgramReadsTheSame) {
  const nlohmann::json json = nlohmann::json::parse(
      SelfCheckJson(Confined(), WithOneLost()), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["schema"], "plimsoll.check/1");
  EXPECT_EQ(json["all_work"], false);
  EXPECT_EQ(json["tiers"].size(), 11u);
  EXPECT_EQ(json["tiers"][10]["tier"], "requests");
  EXPECT_EQ(json["tiers"][10]["works"], false);
  EXPECT_EQ(json["tiers"][10]["reason"], "closed\nto all");
  EXPECT_TRUE(json["tiers"][0]["remedy"].is_null());
  EXPECT_EQ(json["surroundings"]["yama_ptrace_scope"], 1);
  EXPECT_TRUE(json["surroundings"]["lockdown"].is_null());
  EXPECT_EQ(json["surroundings"]["missing_capabilities"].size(), 5u);
}

}  // namespace
}  // namespace plimsoll::agent

// What must not stand in the tree, and lists that must agree with themselves.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/drop_reasons.h"
#include "tests/arch/source_tree.h"

namespace plimsoll::arch {
namespace {

// Each in two pieces, so that this file does not hold it.
struct Pieces {
  const char *first, *second;
  std::string Whole() const { return std::string(first) + second; }
};
constexpr Pieces kForbidden[] = {
    {"pypi", ".org"},           {"files.python", "hosted.org"},
    {"registry.npm", "js.org"}, {"proxy.golang", ".org"},
    {"static.crates", ".io"},   {"index.crates", ".io"},
    {"repo1.maven", ".org"},    {"repo.maven", ".apache.org"},
    {"deb.debian", ".org"},     {"security.debian", ".org"},
    {"../sha", "red"},
};
// Where one developer's files are; /proc/PID/root/ is another thing.
constexpr Pieces kOneMachine[] = {
    {"/ro", "ot/"}, {"/wo", "rk/"}, {"/tmp/w", "t/"}};

bool HoldsPath(const std::string& text, std::string_view path) {
  for (size_t at = text.find(path); at != std::string::npos;
       at = text.find(path, at + 1)) {
    if (at == 0) return true;
    const auto before = static_cast<unsigned char>(text[at - 1]);
    if (std::isspace(before) != 0) return true;
    if (std::string_view("\"'`=:(").find(text[at - 1]) !=
        std::string_view::npos) {
      return true;
    }
  }
  return false;
}

TEST(Tree, NamesNoRegistryAndNoPathOfOneMachine) {
  for (const SourceFile& file : Files()) {
    for (const Pieces& word : kForbidden) {
      EXPECT_EQ(file.text.find(word.Whole()), std::string::npos)
          << file.path << " holds " << word.Whole();
    }
    for (const Pieces& path : kOneMachine) {
      EXPECT_FALSE(HoldsPath(file.text, path.Whole()))
          << file.path << " holds " << path.Whole();
    }
  }
}

TEST(Tree, NoTestSwitchesInTheProduct) {
  for (const SourceFile& file : Files()) {
    if (!IsCxx(file.path) || file.path.starts_with("tests/")) continue;
    EXPECT_EQ(file.text.find("TESTING"), std::string::npos) << file.path;
    EXPECT_EQ(file.text.find("FRIEND_TEST"), std::string::npos) << file.path;
  }
}

// The guard of agent/core/process.h is PLIMSOLL_AGENT_CORE_PROCESS_H_; that of
// include/plimsoll/base/x.h is PLIMSOLL_BASE_X_H_.
TEST(Tree, HeaderGuardsFollowThePath) {
  for (const SourceFile& file : Files()) {
    if (!file.path.ends_with(".h")) continue;
    std::string guard = file.path.starts_with("include/")
                            ? file.path.substr(8)
                            : "plimsoll/" + file.path;
    // bpf/maps.bpf.h says what it is twice; its guard once.
    if (file.path.starts_with("bpf/")) guard.erase(9, 4);
    for (char& c : guard) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    EXPECT_NE(file.text.find("#ifndef " + guard + "_\n#define " + guard + "_"),
              std::string::npos)
        << file.path << " wants " << guard << "_";
  }
}

// As the forges make it of a heading: "## With `x`, and y" is with-x-and-y.
std::string AnchorOf(std::string_view heading) {
  std::string anchor;
  for (const char c : heading) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter) != 0 || c == '-' || c == '_') {
      anchor += static_cast<char>(std::tolower(letter));
    } else if (c == ' ') {
      anchor += '-';
    }
  }
  return anchor;
}

std::set<std::string> AnchorsOf(const std::filesystem::path& page) {
  std::set<std::string> anchors;
  std::ifstream in(page);
  bool code = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) code = !code;
    const size_t text = line.find_first_not_of('#');
    if (code || text == 0 || text == std::string::npos) continue;
    if (line[text] == ' ') anchors.insert(AnchorOf(line.substr(text + 1)));
  }
  return anchors;
}

// [text](target#anchor) of every page: what it names is there.
TEST(Tree, LinksOfTheDocumentsResolve) {
  int links = 0;
  int anchors = 0;
  for (const SourceFile& file : Files()) {
    if (!file.path.ends_with(".md")) continue;
    for (size_t at = file.text.find("]("); at != std::string::npos;
         at = file.text.find("](", at + 1)) {
      const size_t end = file.text.find(')', at + 2);
      const std::string link = file.text.substr(at + 2, end - at - 2);
      if (link.empty() || link.find("://") != std::string::npos) continue;
      const size_t hash = link.find('#');
      const std::string target = link.substr(0, hash);
      const auto page = Top() / file.path;
      const auto path = target.empty() ? page : page.parent_path() / target;
      ++links;
      EXPECT_TRUE(std::filesystem::exists(path)) << file.path << ": " << link;
      if (hash == std::string::npos || path.extension() != ".md") continue;
      ++anchors;
      EXPECT_TRUE(AnchorsOf(path).contains(link.substr(hash + 1)))
          << file.path << ": " << link;
    }
  }
  EXPECT_GT(links, 10);
  EXPECT_GT(anchors, 5);
}

TEST(DropReasons, AreUniqueAndWithoutGaps) {
  struct Reason {
    int number;
    std::string label, text;
  };
  const std::vector<Reason> reasons = {
#define REASON(name, number, label, text) {number, label, text},
      PLIMSOLL_DROP_REASONS(REASON)
#undef REASON
  };
  std::set<std::string> labels, texts;
  for (size_t i = 0; i < reasons.size(); ++i) {
    EXPECT_EQ(reasons[i].number, static_cast<int>(i)) << reasons[i].label;
    EXPECT_TRUE(labels.insert(reasons[i].label).second) << reasons[i].label;
    EXPECT_TRUE(texts.insert(reasons[i].text).second) << reasons[i].text;
  }
  EXPECT_EQ(static_cast<int>(reasons.size()), PLIMSOLL_DROP_REASON_COUNT);
}

}  // namespace
}  // namespace plimsoll::arch

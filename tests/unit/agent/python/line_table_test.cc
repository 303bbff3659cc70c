#include "agent/python/line_table.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::python {
namespace {

using LineTable = core::CodeLayout::LineTable;

struct Golden {
  int minor = 0;
  int32_t first_line = 0;
  std::string table;
  std::vector<std::pair<int32_t, int32_t>> ranges;  // end, line
};

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(
        static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// What make_line_tables.py printed under each interpreter.
std::vector<Golden> ReadGolden() {
  const char* root = std::getenv("PLIMSOLL_SOURCE_DIR");
  std::ifstream file(std::string(root == nullptr ? "." : root) +
                     "/tests/unit/agent/python/line_tables.txt");
  std::vector<Golden> all;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    Golden golden;
    std::string version;
    std::string hex;
    words >> version >> golden.first_line >> hex;
    golden.minor = std::stoi(version.substr(2));
    golden.table = hex == "-" ? "" : FromHex(hex);
    std::string range;
    while (words >> range) {
      const size_t colon = range.find(':');
      golden.ranges.emplace_back(std::stoi(range.substr(0, colon)),
                                 std::stoi(range.substr(colon + 1)));
    }
    all.push_back(std::move(golden));
  }
  return all;
}

LineTable FormatOf(int minor) {
  return minor <= 9    ? LineTable::kLnotab
         : minor == 10 ? LineTable::kPep626
                       : LineTable::kPep657;
}

TEST(LineTable, EveryInstructionHasTheLineThatTheInterpreterSays) {
  const std::vector<Golden> all = ReadGolden();
  ASSERT_GE(all.size(), 70u) << "line_tables.txt is missing or cut";
  int checked = 0;
  std::array<int, 20> per_minor{};
  for (const Golden& golden : all) {
    int32_t offset = 0;
    for (const auto& [end, line] : golden.ranges) {
      for (; offset < end; offset += 2, ++checked) {
        ASSERT_EQ(LineAt(FormatOf(golden.minor), golden.table,
                         golden.first_line, offset),
                  line)
            << "3." << golden.minor << " code at line " << golden.first_line
            << " offset " << offset;
      }
    }
    per_minor[golden.minor]++;
  }
  EXPECT_GT(checked, 10'000);
  for (int minor = 7; minor <= 13; ++minor) {
    EXPECT_GE(per_minor[minor], 10) << "3." << minor;
  }
}

TEST(LineTable, FrameThatHasNotBegunIsAtItsFirstLine) {
  EXPECT_EQ(LineAt(LineTable::kPep657, "\xf8\x01", 17, -1), 17);
  EXPECT_EQ(LineAt(LineTable::kLnotab, "", 17, -2), 17);
}

TEST(LineTable, NoLineIsZero) {
  // 3.11: code 15, two units. 3.10: six bytes with delta -128.
  EXPECT_EQ(LineAt(LineTable::kPep657, "\xf9", 17, 0), 0);
  EXPECT_EQ(LineAt(LineTable::kPep626, "\x06\x80", 17, 0), 0);
}

TEST(LineTable, OffsetPastTheTableIsZeroNotALie) {
  EXPECT_EQ(LineAt(LineTable::kPep626, std::string("\x06\x00", 2), 17, 6), 0);
  EXPECT_EQ(LineAt(LineTable::kPep657, "\xd0", 17, 2), 0);
  // lnotab does not say where the code ends.
  EXPECT_EQ(LineAt(LineTable::kLnotab, "", 17, 1000), 17);
}

TEST(LineTable, HostileDeltasDoNotOverflow) {
  std::string lnotab;
  std::string varints;
  for (int i = 0; i < 100'000; ++i) {
    lnotab += "\x01\x7f";
    varints += "\xf0\x7e\x7f\x7f\x7f\x7f\x3f";  // long form, huge line delta
  }
  EXPECT_GE(LineAt(LineTable::kLnotab, lnotab, INT32_MAX, 90'000), 0);
  EXPECT_EQ(LineAt(LineTable::kPep657, varints, INT32_MAX, 90'000), 0);
}

TEST(LineTable, RandomBytesGiveAnAnswer) {
  std::mt19937 random(20260101);
  for (int i = 0; i < 20'000; ++i) {
    std::string table(random() % 64, '\0');
    for (char& c : table) c = static_cast<char>(random());
    for (const LineTable format :
         {LineTable::kLnotab, LineTable::kPep626, LineTable::kPep657}) {
      EXPECT_GE(LineAt(format, table, static_cast<int32_t>(random()),
                       static_cast<int32_t>(random() % 512)),
                0);
    }
  }
}

}  // namespace
}  // namespace plimsoll::python

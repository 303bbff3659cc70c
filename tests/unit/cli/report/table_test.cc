#include "cli/report/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

Table MakeTable() {
  return Table({{.title = "OBJECTS", .right = true},
                {.title = "SHARE", .right = true, .drop_order = 1},
                {.title = "TYPE", .shrinks = true}});
}

int WidestLine(const std::string& text) {
  std::istringstream lines(text);
  int widest = 0;
  for (std::string line; std::getline(lines, line);) {
    widest = std::max(widest, DisplayWidth(line));
  }
  return widest;
}

TEST(Table, AlignsNumbersRightAndTextLeft) {
  Table table = MakeTable();
  table.AddRow({"7", "0.10 %", "str"});
  table.AddRow({"200,000", "99.90 %", "orders.Order"});
  EXPECT_EQ(table.Render({}),
            "OBJECTS    SHARE  TYPE\n"
            "      7   0.10 %  str\n"
            "200,000  99.90 %  orders.Order\n");
}

TEST(Table, WithoutRowsIsItsHeader) {
  EXPECT_TRUE(MakeTable().empty());
  EXPECT_EQ(MakeTable().Render({}), "OBJECTS  SHARE  TYPE\n");
}

TEST(Table, FitsEveryWidthThatItsNumbersFit) {
  Table table = MakeTable();
  table.AddRow({"200,000", "99.90 %",
                "very.long.package.name.of.somebody.注文.FloatingVehicle"});
  for (int width = 22; width < 100; ++width) {
    EXPECT_LE(WidestLine(table.Render({.width = width})), width)
        << table.Render({.width = width});
  }
  // Numbers are never cut, whatever the width.
  EXPECT_NE(table.Render({.width = 5}).find("200,000"), std::string::npos);
}

TEST(Table, DropsColumnsBeforeItCutsBelowTheMinimum) {
  Table table = MakeTable();
  table.AddRow({"200,000", "99.90 %", "orders.models.deeper.Order"});
  EXPECT_NE(table.Render({.width = 40}).find("SHARE"), std::string::npos);
  EXPECT_EQ(table.Render({.width = 24}).find("SHARE"), std::string::npos);
}

TEST(Table, NamesOfATargetCannotSteerTheTerminal) {
  Table table = MakeTable();
  table.AddRow({"1", "", "evil\x1b[2J\nfake  row"});
  const std::string text = table.Render({});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(Table, ColoursOnlyWhenTold) {
  EXPECT_NE(MakeTable().Render({.colour = true}).find("\x1b[1m"),
            std::string::npos);
  EXPECT_EQ(MakeTable().Render({.colour = false}).find('\x1b'),
            std::string::npos);
}

}  // namespace
}  // namespace plimsoll::cli

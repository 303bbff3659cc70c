// A table that fits the terminal. Numbers stand right-aligned, text left; when
// the table is too wide, droppable columns go first, then the columns that may
// shrink are elided in the middle. Pure; one thread at a time.
//
// Example:
//   Table table({{.title = "OBJECTS", .right = true},
//                {.title = "TYPE", .shrinks = true}});
//   table.AddRow({"200,000", "orders.models.Order"});
//   std::string text = table.Render({.width = 80, .colour = true});
#ifndef PLIMSOLL_CLI_REPORT_TABLE_H_
#define PLIMSOLL_CLI_REPORT_TABLE_H_

#include <string>
#include <vector>

namespace plimsoll::cli {

struct Style {
  int width = 0;  // columns; 0: no bound (not a terminal)
  bool colour = false;
};

struct Column {
  std::string title;
  bool right = false;
  bool shrinks = false;
  int min_width = 12;  // of one that shrinks
  int drop_order = 0;  // 0: stays; the highest goes first
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);
  // Cells are made harmless here (text.h). Missing cells are empty, cells past
  // the last column are ignored.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // Ends with a newline. The header alone when there are no rows.
  std::string Render(const Style& style) const;

 private:
  std::vector<int> NaturalWidths() const;
  std::string RenderRow(const std::vector<std::string>& cells,
                        const std::vector<int>& widths) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Escape sequences when style.colour, the text alone otherwise.
std::string Bold(const std::string& text, const Style& style);
std::string Dim(const std::string& text, const Style& style);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_TABLE_H_

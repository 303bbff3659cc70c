#include "cli/report/table.h"

#include <algorithm>
#include <utility>

#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

constexpr int kGap = 2;       // blanks between columns
constexpr int kDropped = -1;  // a column that is not shown

int TotalWidth(const std::vector<int>& widths) {
  int total = 0;
  for (const int width : widths) {
    if (width != kDropped) total += width + kGap;
  }
  return std::max(0, total - kGap);
}

// What could be taken off by shrinking alone.
int Slack(const std::vector<Column>& columns, const std::vector<int>& widths) {
  int slack = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].shrinks && widths[i] != kDropped) {
      slack += std::max(0, widths[i] - columns[i].min_width);
    }
  }
  return slack;
}

// Until the rest fits, shrunk as far as it may be.
void DropColumns(const std::vector<Column>& columns, int bound,
                 std::vector<int>& widths) {
  while (TotalWidth(widths) - Slack(columns, widths) > bound) {
    size_t victim = columns.size();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (widths[i] == kDropped || columns[i].drop_order == 0) continue;
      if (victim == columns.size() ||
          columns[i].drop_order > columns[victim].drop_order) {
        victim = i;
      }
    }
    if (victim == columns.size()) return;
    widths[victim] = kDropped;
  }
}

// Takes the excess from the columns that shrink, the widest first, each down
// to its minimum.
void ShrinkColumns(const std::vector<Column>& columns, int bound,
                   std::vector<int>& widths) {
  while (TotalWidth(widths) > bound) {
    size_t widest = columns.size();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (!columns[i].shrinks || widths[i] <= columns[i].min_width) continue;
      if (widest == columns.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns.size()) return;
    --widths[widest];
  }
}

std::string Escape(const char* code, const std::string& text,
                   const Style& style) {
  if (!style.colour || text.empty()) return text;
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = Harmless(cell);
  rows_.push_back(std::move(cells));
}

std::vector<int> Table::NaturalWidths() const {
  std::vector<int> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int width = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) {
      width = std::max(width, DisplayWidth(row[i]));
    }
    widths.push_back(width);
  }
  return widths;
}

std::string Table::RenderRow(const std::vector<std::string>& cells,
                             const std::vector<int>& widths) const {
  std::string line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (widths[i] == kDropped) continue;
    const std::string cell = Elide(cells[i], widths[i]);
    const std::string fill(
        static_cast<size_t>(std::max(0, widths[i] - DisplayWidth(cell))), ' ');
    line += columns_[i].right ? fill + cell : cell + fill;
    line += std::string(kGap, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string Table::Render(const Style& style) const {
  std::vector<int> widths = NaturalWidths();
  if (style.width > 0) {
    DropColumns(columns_, style.width, widths);
    ShrinkColumns(columns_, style.width, widths);
  }
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  std::string out = Bold(RenderRow(titles, widths), style) + "\n";
  for (const auto& row : rows_) out += RenderRow(row, widths) + "\n";
  return out;
}

std::string Bold(const std::string& text, const Style& style) {
  return Escape("1", text, style);
}

std::string Dim(const std::string& text, const Style& style) {
  return Escape("2", text, style);
}

}  // namespace plimsoll::cli

// A file in the directory of marks, which anyone may have written: read,
// written again, compared. Seeds: tests/fuzz/corpus/mark_text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cli/report/growth_report.h"
#include "cli/report/mark_text.h"

namespace {

using plimsoll::cli::Mark;

void CheckFileName(std::string_view text) {
  const auto file = plimsoll::cli::ParseMarkFileName(text);
  if (!file.has_value()) return;
  if (!plimsoll::cli::IsMarkName(file->name)) std::abort();
  const std::string again =
      plimsoll::cli::MarkFileName(file->process, file->name);
  if (again != text) std::abort();
}

// Foreign bytes must not reach a terminal as control sequences.
void CheckText(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' && c != '\n') std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace cli = plimsoll::cli;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckFileName(text);
  const auto mark = cli::ParseMark(text);
  if (!mark.ok()) return 0;
  const auto again = cli::ParseMark(cli::MarkText(*mark));
  if (!again.ok() || cli::MarkText(*again) != cli::MarkText(*mark)) {
    std::abort();
  }
  cli::Look now = mark->look;
  now.boottime_ns += 1000000000;
  for (auto& type : now.census.types) type.objects /= 2;
  cli::GrowthReport report = cli::CompareLooks({mark->look, now});
  report.subject.workload = mark->workload;
  report.subject.python = mark->python;
  report.moments = {{.name = mark->name, .unix_s = mark->taken_unix_s},
                    {.unix_s = mark->start_unix_s}};
  for (const int width : {0, 40}) {
    CheckText(cli::RenderGrowth(report, {.width = width, .colour = false}));
  }
  cli::GrowthJson(report);
  return 0;
}

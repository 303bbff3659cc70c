#include "cli/report/document.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/report/text.h"

namespace plimsoll::cli {

nlohmann::ordered_json DocumentHead(std::string_view verb,
                                    const std::optional<Subject>& subject,
                                    const Notes& notes) {
  nlohmann::ordered_json head;
  head["schema"] = absl::StrCat("plimsoll.", std::string(verb), "/1");
  head["pid"] = nullptr;
  head["start_unix_s"] = nullptr;
  head["python"] = nullptr;
  if (subject.has_value()) {
    head["pid"] = subject->pid;
    // The kernel's clock ticks every 10 ms; more digits would be noise.
    head["start_unix_s"] = std::round(subject->start_unix_s * 100) / 100;
    if (!subject->python.empty()) head["python"] = subject->python;
  }
  head["notes"] = notes;
  return head;
}

std::string Serialize(const nlohmann::ordered_json& document) {
  return document.dump(-1, ' ', false,
                       nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

std::string RenderNotes(const Notes& notes, const Style& style) {
  std::string out;
  for (const std::string& note : notes) {
    const std::string text = Wrap("note: " + Harmless(note), style.width, 6);
    out += Dim(text, style) + "\n";
  }
  return out;
}

std::string SubjectLine(const Subject& subject) {
  std::string line;
  if (!subject.workload.empty()) {
    absl::StrAppend(&line, Harmless(subject.workload), ", ");
  }
  absl::StrAppend(&line, "pid ", subject.pid);
  if (!subject.python.empty()) {
    absl::StrAppend(&line, ", Python ", subject.python);
  }
  return line;
}

}  // namespace plimsoll::cli

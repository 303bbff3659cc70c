// What every answer of the command carries beside its own figures, and the
// bytes of its JSON. Pure.
#ifndef PLIMSOLL_CLI_REPORT_DOCUMENT_H_
#define PLIMSOLL_CLI_REPORT_DOCUMENT_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/report/table.h"

namespace plimsoll::cli {

// The process that was looked at.
struct Subject {
  int32_t pid = 0;
  double start_unix_s = 0;
  std::string python;    // "3.11.2"
  std::string workload;  // name only; "" when not known
};

// Sentences that qualify the figures: how they were got, what they miss.
using Notes = std::vector<std::string>;

// {"schema": "plimsoll.VERB/1", "pid", "start_unix_s", "python", "notes"};
// the three of the subject are null where an answer is about the whole node.
nlohmann::ordered_json DocumentHead(std::string_view verb,
                                    const std::optional<Subject>& subject,
                                    const Notes& notes);

// One line and a newline. Bytes that are not UTF-8 become U+FFFD.
std::string Serialize(const nlohmann::ordered_json& document);

// The lines under a table: "note: ..." each, wrapped and dimmed.
std::string RenderNotes(const Notes& notes, const Style& style);

// "orders, pid 4711, Python 3.11.2".
std::string SubjectLine(const Subject& subject);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_DOCUMENT_H_

#include "agent/bpf/tracefs_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace plimsoll::bpf {

std::string TracefsLine(const std::string& name, const std::string& path,
                        const UprobeSite& site, bool at_return) {
  std::string line =
      absl::StrCat(at_return ? "r:" : "p:", kTracefsGroup, "/", name, " ", path,
                   ":0x", absl::Hex(site.file_offset));
  if (site.semaphore_offset != 0) {
    absl::StrAppend(&line, "(0x", absl::Hex(site.semaphore_offset), ")");
  }
  return line;
}

std::string TracefsRemoval(const std::string& name) {
  return absl::StrCat("-:", kTracefsGroup, "/", name);
}

std::vector<std::string> TracefsNames(std::string_view uprobe_events) {
  const std::string prefix = absl::StrCat(":", kTracefsGroup, "/");
  std::vector<std::string> names;
  while (!uprobe_events.empty()) {
    const std::string_view line =
        uprobe_events.substr(0, uprobe_events.find('\n'));
    uprobe_events.remove_prefix(
        std::min(line.size() + 1, uprobe_events.size()));
    // "p:GROUP/NAME PATH:OFFSET ...": what comes first is of one letter.
    if (line.size() <= prefix.size() ||
        line.substr(1, prefix.size()) != prefix) {
      continue;
    }
    std::string_view name = line.substr(1 + prefix.size());
    name = name.substr(0, name.find(' '));
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

}  // namespace plimsoll::bpf

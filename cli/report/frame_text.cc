#include "cli/report/frame_text.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/report/text.h"

namespace plimsoll::cli {

std::string FrameText(const core::Frame& frame) {
  if (frame.native && frame.line == 0) {
    return frame.function.empty()
               ? frame.module
               : absl::StrCat(frame.function, " (", frame.module, ")");
  }
  if (frame.file.empty()) return frame.function;
  return absl::StrCat(frame.function, " (", frame.file, ":", frame.line, ")");
}

std::string RenderFrames(const std::vector<core::Frame>& frames, bool truncated,
                         const Style& style) {
  std::string out;
  for (const core::Frame& frame : frames) {
    const std::string line = "    " + Harmless(FrameText(frame));
    out += style.width > 0 ? Elide(line, style.width) : line;
    out += "\n";
  }
  if (truncated) out += "    ... (deeper frames were not read)\n";
  return out;
}

nlohmann::ordered_json FramesJson(const std::vector<core::Frame>& frames) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const core::Frame& frame : frames) {
    json.push_back({{"function", frame.function},
                    {"file", frame.file},
                    {"line", frame.line},
                    {"module", frame.module}});
  }
  return json;
}

std::string KnownTo(const std::vector<core::Frame>& frames) {
  if (frames.empty()) return "process";
  const core::Frame& frame = frames.front();
  if (frame.line > 0) return "line";
  // "near NAME": no symbol covers the address.
  const bool named =
      !frame.function.empty() && frame.function.rfind("near ", 0) != 0;
  return named ? "function" : "module";
}

}  // namespace plimsoll::cli

// A frame of a stack, as the command shows it. Pure.
#ifndef PLIMSOLL_CLI_REPORT_FRAME_TEXT_H_
#define PLIMSOLL_CLI_REPORT_FRAME_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "agent/core/stack_profile.h"
#include "cli/report/table.h"

namespace plimsoll::cli {

// "load (app.py:12)", "keep (libkeeper.so)", "libkeeper.so".
std::string FrameText(const core::Frame& frame);
// Indented lines, cut to the terminal.
std::string RenderFrames(const std::vector<core::Frame>& frames, bool truncated,
                         const Style& style);
nlohmann::ordered_json FramesJson(const std::vector<core::Frame>& frames);

// How exactly the code that asked for memory is known: "line", "function",
// "module", or "process" where there is no frame at all.
std::string KnownTo(const std::vector<core::Frame>& frames);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_FRAME_TEXT_H_

// The lines of tracefs' uprobe_events that are ours: pure text. Format:
// Documentation/trace/uprobetracer.rst.
#ifndef PLIMSOLL_AGENT_BPF_TRACEFS_TEXT_H_
#define PLIMSOLL_AGENT_BPF_TRACEFS_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "agent/bpf/uprobe_site.h"

namespace plimsoll::bpf {

// The group that all our lines are in.
inline constexpr char kTracefsGroup[] = "plimsoll";

// "p:plimsoll/NAME PATH:0xOFFSET(0xSEMAPHORE)"; "r:" at a return. PATH has no
// blank.
std::string TracefsLine(const std::string& name, const std::string& path,
                        const UprobeSite& site, bool at_return);
// "-:plimsoll/NAME"
std::string TracefsRemoval(const std::string& name);

// The names of our lines in the text of uprobe_events; others are passed over.
std::vector<std::string> TracefsNames(std::string_view uprobe_events);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_TRACEFS_TEXT_H_

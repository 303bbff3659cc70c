// The text of uprobe_events, which any root program writes to.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/bpf/tracefs_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string& name : plimsoll::bpf::TracefsNames(text)) {
    // A removal is one line and names one event.
    if (name.empty() || name.find_first_of(" \n") != std::string::npos) {
      __builtin_trap();
    }
  }
  return 0;
}

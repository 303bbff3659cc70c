#include "agent/bpf/handles.h"

#include <cstdarg>
#include <cstdio>
#include <string_view>

#include "spdlog/spdlog.h"

namespace plimsoll::bpf {
namespace {

// A verifier log can be megabytes: one line is enough outside a debugger.
int PrintToLog(enum libbpf_print_level level, const char* format,
               va_list arguments) {
  char line[512];
  const int length = std::vsnprintf(line, sizeof(line), format, arguments);
  if (length <= 0 || level == LIBBPF_DEBUG) return 0;
  std::string_view text(line);
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  spdlog::debug("libbpf message=\"{}\"", text);
  return length;
}

}  // namespace

void RouteLibbpfMessages() { libbpf_set_print(PrintToLog); }

}  // namespace plimsoll::bpf

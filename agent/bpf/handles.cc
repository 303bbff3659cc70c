#include "agent/bpf/handles.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "agent/core/load_refusal.h"
#include "spdlog/spdlog.h"

namespace plimsoll::bpf {
namespace {

constexpr size_t kLongestLine = 511;
constexpr std::string_view kLogBegins = "-- BEGIN PROG LOAD LOG --\n";
constexpr std::string_view kLogEnds = "-- END PROG LOAD LOG --";

// Of the load that runs on this thread: libbpf's callback is handed no context.
thread_local VerifierLog* log_of_load = nullptr;

void KeepVerifierLog(std::string_view text) {
  const size_t begin = text.find(kLogBegins);
  if (log_of_load == nullptr || begin == std::string_view::npos) return;
  text.remove_prefix(begin + kLogBegins.size());
  log_of_load->Keep(std::string(text.substr(0, text.rfind(kLogEnds))));
}

// A verifier log can be megabytes: one line is enough outside a debugger.
int PrintToLog(enum libbpf_print_level level, const char* format,
               va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  std::string text(static_cast<size_t>(length), '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, arguments);
  KeepVerifierLog(text);
  text.resize(std::min(text.size(), kLongestLine));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  spdlog::debug("libbpf message=\"{}\"", text);
  return length;
}

// Effective, of this thread; 0 where the kernel does not say.
uint64_t Capabilities() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3,
                                     .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return 0;
  return data[0].effective | uint64_t{data[1].effective} << 32;
}

}  // namespace

void RouteLibbpfMessages() { libbpf_set_print(PrintToLog); }

VerifierLog::VerifierLog() { log_of_load = this; }
VerifierLog::~VerifierLog() { log_of_load = nullptr; }

absl::Status VerifierLog::RefusalOf(const std::string& object,
                                    int error) const {
  return core::LoadRefusal({.object = object,
                            .error = error,
                            .capabilities = Capabilities(),
                            .verifier_log = log_});
}

}  // namespace plimsoll::bpf

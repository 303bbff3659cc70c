#include "agent/procfs/proc_text.h"

#include <sys/sysmacros.h>

#include <limits>
#include <utility>

#include "agent/procfs/text.h"

namespace plimsoll::procfs {
namespace {

constexpr size_t kMaxArguments = 64;
constexpr size_t kMaxArgumentBytes = 4096;
constexpr size_t kMaxMappings = 1'000'000;  // vm.max_map_count can be raised

absl::Status Malformed(const char* file, const char* what) {
  return absl::InvalidArgumentError(std::string("/proc/PID/") + file + ": " +
                                    what);
}

// "   1234 kB" in bytes.
std::optional<int64_t> ParseKilobytes(std::string_view text) {
  std::string_view rest = text;
  auto value = ParseInt<int64_t>(NextField(rest));
  if (!value || *value < 0 ||
      *value > std::numeric_limits<int64_t>::max() / 1024) {
    return std::nullopt;
  }
  return *value * 1024;
}

// "Name:   value": splits at the first colon.
bool SplitKey(std::string_view line, std::string_view& key,
              std::string_view& value) {
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  key = line.substr(0, colon);
  value = StripBlanks(line.substr(colon + 1));
  return true;
}

bool ParseMapping(std::string_view line, core::Mapping& mapping) {
  std::string_view rest = line;
  std::string_view range = NextField(rest);
  std::string_view flags = NextField(rest);
  std::string_view offset = NextField(rest);
  std::string_view device = NextField(rest);
  std::string_view inode = NextField(rest);
  std::string_view low = NextUntil(range, '-');
  std::string_view major_text = NextUntil(device, ':');
  auto start = ParseInt<uint64_t>(low, 16);
  auto end = ParseInt<uint64_t>(range, 16);
  auto file_offset = ParseInt<uint64_t>(offset, 16);
  auto major_number = ParseInt<uint32_t>(major_text, 16);
  auto minor_number = ParseInt<uint32_t>(device, 16);
  auto inode_number = ParseInt<uint64_t>(inode);
  if (!start || !end || !file_offset || !major_number || !minor_number ||
      !inode_number || flags.size() != 4 || *start > *end) {
    return false;
  }
  mapping.start = *start;
  mapping.end = *end;
  mapping.file_offset = *file_offset;
  mapping.device = makedev(*major_number, *minor_number);
  mapping.inode = *inode_number;
  mapping.readable = flags[0] == 'r';
  mapping.writable = flags[1] == 'w';
  mapping.executable = flags[2] == 'x';
  mapping.shared = flags[3] == 's';
  // The kernel pads to a column and then prints the name as it is, blanks and
  // " (deleted)" included; only newlines are escaped.
  size_t name = rest.find_first_not_of(' ');
  if (name != std::string_view::npos) {
    mapping.path = std::string(rest.substr(name));
  }
  return true;
}

}  // namespace

absl::StatusOr<ProcStat> ParseStat(std::string_view text) {
  size_t open = text.find('(');
  size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos ||
      close < open) {
    return Malformed("stat", "no command name");
  }
  ProcStat stat;
  stat.comm = std::string(text.substr(open + 1, close - open - 1));
  std::string_view rest = StripBlanks(text.substr(close + 1));
  // Field numbers as in proc(5); the state is field 3.
  constexpr int kLast = 28;
  std::string_view fields[kLast + 1];
  for (int i = 3; i <= kLast; ++i) fields[i] = NextField(rest);
  auto parent = ParseInt<int32_t>(fields[4]);
  auto terminal = ParseInt<int32_t>(fields[7]);
  auto minor_faults = ParseInt<int64_t>(fields[10]);
  auto major_faults = ParseInt<int64_t>(fields[12]);
  auto user = ParseInt<int64_t>(fields[14]);
  auto system = ParseInt<int64_t>(fields[15]);
  auto threads = ParseInt<int32_t>(fields[20]);
  auto start = ParseInt<uint64_t>(fields[22]);
  if (fields[3].size() != 1 || !parent || !terminal || !minor_faults ||
      !major_faults || !user || !system || !threads || !start) {
    return Malformed("stat", "a field is missing or is not a number");
  }
  stat.state = fields[3][0];
  stat.parent_pid = *parent;
  stat.terminal = *terminal;
  stat.minor_faults = *minor_faults;
  stat.major_faults = *major_faults;
  stat.cpu_ticks = static_cast<int64_t>(static_cast<uint64_t>(*user) +
                                        static_cast<uint64_t>(*system));
  stat.threads = *threads;
  stat.start_ticks = *start;
  stat.start_code = ParseInt<uint64_t>(fields[26]).value_or(0);
  stat.start_stack = ParseInt<uint64_t>(fields[28]).value_or(0);
  return stat;
}

absl::StatusOr<ProcStatus> ParseStatus(std::string_view text) {
  ProcStatus status;
  bool has_memory = false;
  std::string_view line;
  std::string_view key;
  std::string_view value;
  while (NextLine(text, line)) {
    if (!SplitKey(line, key, value)) continue;
    int64_t* bytes = key == "RssAnon"    ? &status.rss_anon_bytes
                     : key == "RssFile"  ? &status.rss_file_bytes
                     : key == "RssShmem" ? &status.rss_shmem_bytes
                     : key == "VmSwap"   ? &status.swap_bytes
                                         : nullptr;
    if (bytes != nullptr) {
      auto parsed = ParseKilobytes(value);
      if (!parsed) return Malformed("status", "a size is not a number of kB");
      *bytes = *parsed;
      has_memory = true;
    } else if (key == "Threads") {
      auto threads = ParseInt<int32_t>(value);
      if (!threads) return Malformed("status", "Threads is not a number");
      status.threads = *threads;
    } else if (key == "NSpid") {
      for (auto field = NextField(value); !field.empty();
           field = NextField(value)) {
        auto pid = ParseInt<int32_t>(field);
        if (!pid) return Malformed("status", "NSpid is not a number");
        status.ns_pids.push_back(*pid);
      }
    }
  }
  if (status.threads == 0) return Malformed("status", "no Threads line");
  status.kernel_thread = !has_memory;
  return status;
}

absl::StatusOr<std::vector<core::Mapping>> ParseMaps(std::string_view text) {
  std::vector<core::Mapping> mappings;
  std::string_view line;
  while (NextLine(text, line)) {
    if (mappings.size() >= kMaxMappings) {
      return Malformed("maps", "more than a million mappings");
    }
    core::Mapping mapping;
    if (!ParseMapping(line, mapping)) {
      return Malformed("maps", "a line is not a mapping");
    }
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

std::vector<std::string> ParseCmdline(std::string_view text) {
  std::vector<std::string> arguments;
  while (!text.empty() && arguments.size() < kMaxArguments) {
    arguments.emplace_back(NextUntil(text, '\0').substr(0, kMaxArgumentBytes));
  }
  return arguments;
}

std::map<std::string, std::string> ParseEnviron(
    std::string_view text, const std::vector<std::string_view>& allowed) {
  std::map<std::string, std::string> variables;
  while (!text.empty()) {
    std::string_view value = NextUntil(text, '\0');
    if (value.find('=') == std::string_view::npos) continue;
    std::string_view name = NextUntil(value, '=');
    for (std::string_view wanted : allowed) {
      if (name != wanted) continue;
      variables.try_emplace(std::string(name),
                            value.substr(0, kMaxArgumentBytes));
      break;
    }
  }
  return variables;
}

absl::StatusOr<core::NodeSample> ParseMeminfo(std::string_view text) {
  core::NodeSample node;
  bool has_available = false;
  std::string_view line;
  std::string_view key;
  std::string_view value;
  while (NextLine(text, line)) {
    if (!SplitKey(line, key, value)) continue;
    int64_t* bytes = key == "MemTotal"       ? &node.mem_total_bytes
                     : key == "MemAvailable" ? &node.mem_available_bytes
                     : key == "SwapFree"     ? &node.swap_free_bytes
                                             : nullptr;
    if (bytes == nullptr) continue;
    auto parsed = ParseKilobytes(value);
    if (!parsed) {
      return absl::InvalidArgumentError(
          "/proc/meminfo: a size is not a number of kB");
    }
    *bytes = *parsed;
    has_available |= bytes == &node.mem_available_bytes;
  }
  if (!has_available) {
    return absl::InvalidArgumentError("/proc/meminfo: no MemAvailable");
  }
  return node;
}

std::optional<int64_t> ParseVmstatOomKills(std::string_view text) {
  std::string_view line;
  while (NextLine(text, line)) {
    if (NextField(line) == "oom_kill") {
      return ParseInt<int64_t>(NextField(line));
    }
  }
  return std::nullopt;
}

}  // namespace plimsoll::procfs

#include "agent/procfs/cgroup_text.h"

#include <algorithm>

#include "agent/procfs/text.h"

namespace plimsoll::procfs {
namespace {

// LONG_MAX rounded down to a page is what v1 prints for "no limit"; whatever
// is past 2^60 bytes cannot be a limit of a machine.
constexpr int64_t kNoLimitBytes = int64_t{1} << 60;

bool IsHex(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool HasWord(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (NextUntil(list, ',') == word) return true;
  }
  return false;
}

// mountinfo writes blank, tab, newline and backslash as \ooo.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      auto code = ParseInt<uint8_t>(text.substr(i + 1, 3), 8);
      if (code) {
        plain.push_back(static_cast<char>(*code));
        i += 3;
        continue;
      }
    }
    plain.push_back(text[i]);
  }
  return plain;
}

// How much a path tells of who runs there: more is better.
int NameRank(std::string_view path) {
  CgroupNames names = ParseCgroupNames(path);
  return (names.pod_uid.empty() ? 0 : 4) +
         (names.container_id.empty() ? 0 : 2) + (names.unit.empty() ? 0 : 1);
}

// "kubepods-burstable-pod6a4c_..._ab.slice" or "pod6a4c-...-ab".
std::string PodUid(std::string_view element) {
  size_t at = element.rfind("pod");
  if (at == std::string_view::npos) return "";
  // Only where "pod" starts a word: "kubepods" is not a pod.
  if (at > 0 && element[at - 1] != '-') return "";
  std::string_view uid = element.substr(at + 3);
  uid = uid.substr(0, uid.find(".slice"));
  uid = uid.substr(0, uid.find(':'));
  std::string dashed(uid);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  std::string digits = dashed;
  std::erase(digits, '-');
  return digits.size() == 32 && IsHex(digits) ? dashed : "";
}

// "cri-containerd-<64 hex>.scope", "<64 hex>", "...slice:cri-containerd:<id>".
std::string ContainerId(std::string_view element) {
  if (element.ends_with(".scope")) element.remove_suffix(6);
  if (element.starts_with("crio-conmon-")) return "";
  size_t colon = element.rfind(':');
  if (colon != std::string_view::npos) element = element.substr(colon + 1);
  constexpr size_t kId = 64;
  if (element.size() >= kId) {
    std::string_view id = element.substr(element.size() - kId);
    bool alone =
        element.size() == kId || element[element.size() - kId - 1] == '-';
    if (alone && IsHex(id)) return std::string(id);
  }
  // ECS: 32 hex digits, a dash, a number.
  size_t dash = element.find('-');
  if (dash == 32 && IsHex(element.substr(0, 32)) &&
      ParseInt<uint64_t>(element.substr(33))) {
    return std::string(element);
  }
  return "";
}

}  // namespace

absl::StatusOr<CgroupMembership> ParseCgroupMembership(std::string_view text) {
  CgroupMembership membership;
  int best = -1;
  std::string_view line;
  bool any = false;
  while (NextLine(text, line)) {
    std::string_view rest = line;
    std::string_view id = NextUntil(rest, ':');
    if (!ParseInt<int32_t>(id) || rest.find(':') == std::string_view::npos) {
      return absl::InvalidArgumentError(
          "/proc/PID/cgroup: a line is not ID:CONTROLLERS:PATH");
    }
    std::string_view controllers = NextUntil(rest, ':');
    any = true;
    if (rest.ends_with(" (deleted)")) rest.remove_suffix(10);
    // v1 wins where both are there: on a hybrid node the memory controller is
    // bound to one hierarchy only, and v1's line names it.
    if (HasWord(controllers, "memory")) {
      membership.version = 1;
      membership.path = std::string(rest);
    } else if (id == "0" && controllers.empty() && membership.version == 0) {
      membership.version = 2;
      membership.path = std::string(rest);
    }
    if (int rank = NameRank(rest); rank > best) {
      best = rank;
      membership.name_path = std::string(rest);
    }
  }
  if (!any) {
    return absl::InvalidArgumentError("/proc/PID/cgroup: empty");
  }
  return membership;
}

absl::StatusOr<std::vector<CgroupMount>> ParseCgroupMounts(
    std::string_view mountinfo) {
  std::vector<CgroupMount> mounts;
  std::string_view line;
  while (NextLine(mountinfo, line)) {
    // 36 35 98:0 /root /mount/point rw,noatime shared:1 - type source options
    size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) {
      return absl::InvalidArgumentError(
          "/proc/self/mountinfo: a line has no separator");
    }
    std::string_view left = line.substr(0, dash);
    std::string_view right = line.substr(dash + 3);
    std::string_view type = NextField(right);
    NextField(right);  // source
    std::string_view options = NextField(right);
    int version = type == "cgroup2"                                ? 2
                  : type == "cgroup" && HasWord(options, "memory") ? 1
                                                                   : 0;
    if (version == 0) continue;
    for (int i = 0; i < 3; ++i) NextField(left);
    CgroupMount mount;
    mount.version = version;
    mount.root = Unescape(NextField(left));
    mount.mount_point = Unescape(NextField(left));
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

absl::StatusOr<std::optional<int64_t>> ParseMemoryLimit(std::string_view text) {
  text = StripBlanks(text);
  if (text == "max" || text == "-1") return std::optional<int64_t>();
  auto value = ParseInt<uint64_t>(text);
  if (!value) {
    return absl::InvalidArgumentError("cgroup memory limit: not a number");
  }
  if (*value >= static_cast<uint64_t>(kNoLimitBytes)) {
    return std::optional<int64_t>();
  }
  return std::optional<int64_t>(static_cast<int64_t>(*value));
}

std::optional<int64_t> FindCounter(std::string_view text,
                                   std::string_view key) {
  std::string_view line;
  while (NextLine(text, line)) {
    if (NextField(line) == key) return ParseInt<int64_t>(NextField(line));
  }
  return std::nullopt;
}

CgroupNames ParseCgroupNames(std::string_view path) {
  CgroupNames names;
  while (!path.empty()) {
    std::string_view element = NextUntil(path, '/');
    if (element.empty() || element == "..") continue;
    // containerd's colon form carries the pod and the container in one.
    if (std::string uid = PodUid(element.substr(0, element.find(':')));
        !uid.empty()) {
      names.pod_uid = uid;
    }
    if (std::string id = ContainerId(element); !id.empty()) {
      names.container_id = id;
    } else if (element.ends_with(".service") || element.ends_with(".scope")) {
      names.unit = std::string(element);
    }
  }
  return names;
}

}  // namespace plimsoll::procfs

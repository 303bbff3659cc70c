#include "agent/procfs/cgroup_reader.h"

#include <dirent.h>
#include <sys/stat.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "agent/procfs/read_file.h"
#include "agent/procfs/text.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::procfs {
namespace {

// A node has some thousand cgroups; past this a search gives up.
constexpr int kMaxDirectories = 20'000;
constexpr size_t kMaxRemembered = 4096;

bool IsDirectory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::vector<std::string> Subdirectories(const std::string& path) {
  std::vector<std::string> names;
  struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  std::unique_ptr<DIR, CloseDir> dir(::opendir(path.c_str()));
  if (!dir) return names;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
      names.emplace_back(entry->d_name);
    }
  }
  return names;
}

// The one directory below `top` whose path ends with `suffix`; "" when there
// is none, or more than one (a guess could report a stranger's limit).
std::string FindUnique(const std::string& top, const std::string& suffix) {
  std::deque<std::string> queue = {""};
  std::string found;
  int seen = 0;
  while (!queue.empty()) {
    std::string path = std::move(queue.front());
    queue.pop_front();
    for (const std::string& name : Subdirectories(top + path)) {
      if (++seen > kMaxDirectories) return "";
      std::string below = path + "/" + name;
      if (below.ends_with(suffix)) {
        if (!found.empty()) return "";
        found = below;
      }
      queue.push_back(std::move(below));
    }
  }
  return found;
}

std::optional<int64_t> ReadNumber(const std::string& path) {
  auto text = ReadFile(path);
  if (!text.ok()) return std::nullopt;
  return ParseInt<int64_t>(StripBlanks(*text));
}

struct FileNames {
  const char* limit;
  const char* current;
  const char* peak;
  const char* events;
  const char* anon;  // keys of memory.stat, of the whole subtree
  const char* inactive_file;
};

constexpr FileNames kV1 = {"/memory.limit_in_bytes",
                           "/memory.usage_in_bytes",
                           "/memory.max_usage_in_bytes",
                           "/memory.oom_control",
                           "total_rss",
                           "total_inactive_file"};
constexpr FileNames kV2 = {"/memory.max",  "/memory.current",
                           "/memory.peak", "/memory.events",
                           "anon",         "inactive_file"};

// Everything of one cgroup; nullopt where it has no memory controller (a v2
// cgroup outside of subtree_control, and v2's root).
std::optional<core::CgroupMemory> ReadOne(const std::string& directory,
                                          int version) {
  const FileNames& files = version == 1 ? kV1 : kV2;
  auto current = ReadNumber(directory + files.current);
  if (!current) return std::nullopt;
  core::CgroupMemory memory;
  memory.version = version;
  memory.current_bytes = *current;
  if (auto text = ReadFile(directory + files.limit); text.ok()) {
    if (auto limit = ParseMemoryLimit(*text); limit.ok()) {
      memory.limit_bytes = *limit;
    }
  }
  if (auto stat = ReadFile(directory + "/memory.stat"); stat.ok()) {
    memory.anon_bytes = FindCounter(*stat, files.anon).value_or(0);
    memory.inactive_file_bytes =
        FindCounter(*stat, files.inactive_file).value_or(0);
  }
  return memory;
}

int64_t RoomBytes(const core::CgroupMemory& memory) {
  return *memory.limit_bytes -
         (memory.current_bytes - memory.inactive_file_bytes);
}

void ReadEvents(const std::string& directory, core::CgroupMemory& memory) {
  const FileNames& files = memory.version == 1 ? kV1 : kV2;
  memory.peak_bytes = ReadNumber(directory + files.peak).value_or(0);
  auto events = ReadFile(directory + files.events);
  if (!events.ok()) return;
  memory.oom_kills = FindCounter(*events, "oom_kill").value_or(0);
  memory.oom_events = FindCounter(*events, "oom").value_or(memory.oom_kills);
}

}  // namespace

absl::StatusOr<CgroupReader::Place> CgroupReader::Locate(
    const CgroupMembership& membership) {
  for (const CgroupMount& mount : mounts_) {
    if (mount.version != membership.version) continue;
    std::string path = membership.path;
    // A mount may show a part of the hierarchy only, and from a private
    // cgroup namespace its root is written with leading "..".
    if (mount.root != "/" && path.starts_with(mount.root) &&
        (path.size() == mount.root.size() || path[mount.root.size()] == '/')) {
      path.erase(0, mount.root.size());
    }
    bool relative = path.starts_with("/..");
    while (path.starts_with("/..")) path.erase(0, 3);
    if (path == "/") path.clear();
    if (!relative && IsDirectory(mount.mount_point + path)) {
      return Place{mount.mount_point, path};
    }
    if (path.empty()) continue;
    std::string key = std::to_string(mount.version) + " " + path;
    if (found_.size() > kMaxRemembered) found_.clear();
    auto [known, fresh] = found_.try_emplace(key);
    if (fresh) {
      known->second = IsDirectory(mount.mount_point + path)
                          ? path
                          : FindUnique(mount.mount_point, path);
    }
    if (!known->second.empty() &&
        IsDirectory(mount.mount_point + known->second)) {
      return Place{mount.mount_point, known->second};
    }
    found_.erase(known);
  }
  return absl::NotFoundError("no cgroup " + membership.path +
                             " is mounted here");
}

absl::StatusOr<core::CgroupMemory> CgroupReader::Read(
    const CgroupMembership& membership) {
  if (membership.version == 0) {
    return absl::UnavailableError("the process is in no memory cgroup");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(Place place, Locate(membership));
  std::optional<core::CgroupMemory> best;
  std::optional<core::CgroupMemory> leaf;
  for (std::string path = place.path;;) {
    std::string directory = place.mount_point + path;
    if (auto memory = ReadOne(directory, membership.version)) {
      memory->path = path.empty() ? "/" : path;
      if (!leaf) leaf = memory;
      if (memory->limit_bytes &&
          (!best || RoomBytes(*memory) < RoomBytes(*best))) {
        best = std::move(memory);
      }
    }
    if (path.empty()) break;
    path.erase(path.rfind('/'));
  }
  if (!leaf) {
    return absl::NotFoundError("cgroup " + membership.path +
                               " has no memory controller");
  }
  // v1 says the limit of ancestors that this mount does not show.
  if (membership.version == 1 && !best) {
    auto stat = ReadFile(place.mount_point + place.path + "/memory.stat");
    if (stat.ok()) {
      auto limit = FindCounter(*stat, "hierarchical_memory_limit");
      if (limit && *limit < (int64_t{1} << 60)) leaf->limit_bytes = *limit;
    }
  }
  core::CgroupMemory memory = best ? *std::move(best) : *std::move(leaf);
  std::string chosen = memory.path == "/" ? "" : memory.path;
  ReadEvents(place.mount_point + chosen, memory);
  return memory;
}

}  // namespace plimsoll::procfs

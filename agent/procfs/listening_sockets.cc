#include "agent/procfs/listening_sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "agent/procfs/read_file.h"
#include "agent/procfs/text.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::procfs {
namespace {

constexpr size_t kMostRows = 4096;
constexpr size_t kMostRelatives = 256;
constexpr int kMostDescriptors = 65'536;
// Connections stand in the same table; a busy gateway has tens of thousands.
constexpr size_t kMaxTableBytes = 16 << 20;
constexpr std::string_view kStateListen = "0A";

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// "0100007F" or 32 digits: words of 32 bits, each in the byte order of the
// machine.
std::optional<std::string> AddressOf(std::string_view digits) {
  std::array<uint32_t, 4> words{};
  const size_t count = digits.size() / 8;
  if (digits.size() % 8 != 0 || (count != 1 && count != 4)) return std::nullopt;
  for (size_t i = 0; i < count; ++i) {
    const auto word = ParseInt<uint32_t>(digits.substr(8 * i, 8), 16);
    if (!word) return std::nullopt;
    words[i] = *word;
  }
  char text[INET6_ADDRSTRLEN];
  const int family = count == 1 ? AF_INET : AF_INET6;
  if (::inet_ntop(family, words.data(), text, sizeof(text)) == nullptr) {
    return std::nullopt;
  }
  return std::string(text);
}

// "  0: 0100007F:20CF 00000000:0000 0A 00000000:00000000 00:00000000 00000000
//  0        0 15393 1 ..."
std::optional<ListeningSocket> ParseRow(std::string_view row) {
  NextField(row);
  std::string_view local = NextField(row);
  NextField(row);
  if (NextField(row) != kStateListen) return std::nullopt;
  for (int i = 0; i < 5; ++i) NextField(row);
  const auto inode = ParseInt<uint64_t>(NextField(row));
  auto address = AddressOf(NextUntil(local, ':'));
  const auto port = ParseInt<uint16_t>(local, 16);
  if (!inode || *inode == 0 || !address || !port) return std::nullopt;
  return ListeningSocket{*std::move(address), *port, *inode};
}

absl::StatusOr<std::string> ReadLink(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof(target));
  if (length < 0) return absl::ErrnoToStatus(errno, "readlink " + path);
  return std::string(target, static_cast<size_t>(length));
}

void AddChildren(const ProcRoot& proc, int32_t pid, int32_t but,
                 std::vector<int32_t>& out) {
  const std::string name =
      "task/" + std::to_string(pid) + "/children";  // of its first thread
  const auto text = ReadFile(proc.PathOf(pid, name));
  if (!text.ok()) return;
  std::string_view rest = *text;
  for (auto field = NextField(rest); !field.empty(); field = NextField(rest)) {
    const auto child = ParseInt<int32_t>(StripBlanks(field));
    if (!child || *child == but) continue;
    if (out.size() >= kMostRelatives) return;
    out.push_back(*child);
  }
}

}  // namespace

std::vector<ListeningSocket> ParseTcpTable(std::string_view text) {
  std::vector<ListeningSocket> sockets;
  std::string_view line;
  NextLine(text, line);  // the head
  while (sockets.size() < kMostRows && NextLine(text, line)) {
    if (auto socket = ParseRow(line)) sockets.push_back(*std::move(socket));
  }
  return sockets;
}

uint64_t ParseSocketLink(std::string_view link) {
  constexpr std::string_view kBegin = "socket:[";
  if (!link.starts_with(kBegin) || !link.ends_with("]")) return 0;
  link.remove_prefix(kBegin.size());
  link.remove_suffix(1);
  return ParseInt<uint64_t>(link).value_or(0);
}

absl::StatusOr<std::vector<ListeningSocket>> ReadListeners(const ProcRoot& proc,
                                                           int32_t pid) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::string four,
      ReadFile(proc.PathOf(pid, "net/tcp"), kMaxTableBytes));
  std::vector<ListeningSocket> sockets = ParseTcpTable(four);
  // Absent where the kernel has no IPv6.
  const auto six = ReadFile(proc.PathOf(pid, "net/tcp6"), kMaxTableBytes);
  if (six.ok()) {
    for (ListeningSocket& socket : ParseTcpTable(*six)) {
      sockets.push_back(std::move(socket));
    }
  }
  return sockets;
}

absl::StatusOr<std::set<uint64_t>> ReadOpenSockets(
    const ProcRoot& proc, int32_t pid, const std::set<uint64_t>& inodes) {
  const std::string path = proc.PathOf(pid, "fd");
  const std::unique_ptr<DIR, CloseDir> dir(::opendir(path.c_str()));
  if (!dir) return absl::ErrnoToStatus(errno, "list " + path);
  std::set<uint64_t> open;
  for (int seen = 0; seen < kMostDescriptors && open.size() < inodes.size();
       ++seen) {
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] == '.') continue;
    const auto link = ReadLink(path + "/" + entry->d_name);
    const uint64_t inode = link.ok() ? ParseSocketLink(*link) : 0;
    if (inodes.contains(inode)) open.insert(inode);
  }
  return open;
}

absl::StatusOr<std::string> ReadNetworkNamespace(const ProcRoot& proc,
                                                 int32_t pid) {
  return ReadLink(pid == 0 ? proc.path() + "/self/ns/net"
                           : proc.PathOf(pid, "ns/net"));
}

int32_t ReadMaster(const ProcRoot& proc, int32_t pid) {
  const auto stat = proc.ReadStat(pid);
  if (!stat.ok() || stat->parent_pid <= 1) return 0;
  const auto program = ReadLink(proc.PathOf(pid, "exe"));
  const auto parents = ReadLink(proc.PathOf(stat->parent_pid, "exe"));
  const bool same = program.ok() && parents.ok() && *program == *parents;
  return same ? stat->parent_pid : 0;
}

std::vector<int32_t> ReadRelatives(const ProcRoot& proc, int32_t pid) {
  std::vector<int32_t> relatives;
  AddChildren(proc, pid, pid, relatives);
  const auto stat = proc.ReadStat(pid);
  // Whose parent has gone is the first process' child, as many others are.
  if (stat.ok() && stat->parent_pid > 1) {
    AddChildren(proc, stat->parent_pid, pid, relatives);
  }
  return relatives;
}

}  // namespace plimsoll::procfs

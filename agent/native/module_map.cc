#include "agent/native/module_map.h"

#include <algorithm>
#include <string_view>

namespace plimsoll::native {

std::string ModuleName(const std::string& path) {
  constexpr std::string_view kDeleted = " (deleted)";
  std::string_view name = path;
  if (name.ends_with(kDeleted)) name.remove_suffix(kDeleted.size());
  const size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  return std::string(name);
}

ModuleMap::ModuleMap(const std::vector<core::Mapping>& mappings) {
  // The run of mappings of one file that is being read: it begins where the
  // file's start is mapped. A loader reserves the whole of a shared object
  // first, so that nothing of another file lies between its pieces.
  uint64_t base = 0, device = 0, inode = 0;
  for (const core::Mapping& m : mappings) {
    if (m.inode == 0) continue;
    const bool same = m.device == device && m.inode == inode;
    if (!same || (m.file_offset == 0 && !m.executable && !m.writable)) {
      base = m.start - std::min(m.start, m.file_offset);
      device = m.device;
      inode = m.inode;
    }
    if (!m.executable) continue;
    if (same && !modules_.empty() && modules_.back().base == base &&
        modules_.back().mapping.inode == m.inode) {
      modules_.back().text_end = m.end;
      continue;
    }
    modules_.push_back({.base = base,
                        .text_start = m.start,
                        .text_end = m.end,
                        .name = ModuleName(m.path),
                        .mapping = m});
  }
}

std::optional<size_t> ModuleMap::Find(uint64_t address) const {
  const auto after = std::upper_bound(
      modules_.begin(), modules_.end(), address,
      [](uint64_t at, const Module& m) { return at < m.text_start; });
  if (after == modules_.begin()) return std::nullopt;
  const auto found = std::prev(after);
  if (address >= found->text_end) return std::nullopt;
  return static_cast<size_t>(found - modules_.begin());
}

}  // namespace plimsoll::native

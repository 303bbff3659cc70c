#include "agent/python/malloc_text.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/python/abseil_text.h"
#include "agent/python/code_index.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::python {
namespace {

constexpr std::array<std::string_view, 5> kEntries = {
    "malloc", "free", "calloc", "realloc", "memalign"};
// In glibc 2.36 malloc's own code begins 16 KiB before malloc and ends 7 KiB
// behind its begin.
constexpr uint64_t kNear = 24 << 10;
constexpr uint64_t kMostBytes = 64 << 10;

bool IsLibcText(const core::Mapping& mapping) {
  std::string_view name = mapping.path;
  name.remove_prefix(std::min(name.size(), name.rfind('/') + 1));
  return mapping.executable &&
         (name.starts_with("libc.so.6") ||
          (name.starts_with("libc-2.") && name.find(".so") != name.npos));
}

}  // namespace

absl::StatusOr<FunctionBounds> FindMallocText(const ElfFile& libc) {
  const SymbolMap symbols = libc.FindExports(kEntries);
  const CodeIndex code(libc);
  FunctionBounds text;
  uint64_t malloc = 0;
  for (const std::string_view name : kEntries) {
    const auto found = symbols.find(name);
    const auto bounds = found == symbols.end()
                            ? std::nullopt
                            : code.functions().Find(found->second.address);
    if (!bounds || bounds->begin != found->second.address) {
      return absl::UnimplementedError(
          absl::StrCat("its libc has no ", ToAbsl(name), " that can be found"));
    }
    if (malloc == 0) {
      malloc = bounds->begin;
      text = *bounds;
    }
    const auto add = [&](const FunctionBounds& function) {
      if (function.begin + kNear < malloc || function.begin > malloc + kNear) {
        return;  // locks, messages, memory functions, system calls
      }
      text.begin = std::min(text.begin, function.begin);
      text.end = std::max(text.end, function.end);
    };
    add(*bounds);
    for (const uint64_t callee : code.Callees(*bounds)) {
      if (const auto function = code.functions().Find(callee)) add(*function);
    }
  }
  if (text.end - text.begin > kMostBytes) {
    return absl::UnimplementedError(
        "the code of its malloc is not in one place");
  }
  return text;
}

absl::StatusOr<FunctionBounds> FindMallocTextOf(const ProcessFiles& files) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto mappings, files.ReadMappings());
  const auto mapping =
      std::find_if(mappings.begin(), mappings.end(), &IsLibcText);
  if (mapping == mappings.end()) {
    return absl::UnimplementedError("no libc of glibc is mapped");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const OpenedFile file, files.OpenMapped(*mapping));
  if (file.device != mapping->device || file.inode != mapping->inode) {
    return absl::UnimplementedError(
        "its libc is not the file at its path any more");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const ElfFile libc, ElfFile::Parse(file.bytes));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const uint64_t bias,
      LoadBiasOf(libc.segments(), libc.fixed_address(), *mapping));
  PLIMSOLL_ASSIGN_OR_RETURN(const FunctionBounds text, FindMallocText(libc));
  return FunctionBounds{text.begin + bias, text.end + bias};
}

}  // namespace plimsoll::python

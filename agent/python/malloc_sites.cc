#include "agent/python/malloc_sites.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/python/abseil_text.h"
#include "agent/python/elf_file.h"
#include "agent/python/elf_relocation.h"
#include "agent/python/remote_values.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::python {
namespace {

using core::MallocFunction;

constexpr std::array<std::string_view, 7> kNames = {
    "malloc",   "calloc",         "realloc", "aligned_alloc",
    "memalign", "posix_memalign", "free"};
constexpr std::array<MallocFunction, 7> kFunctions = {
    MallocFunction::kMalloc,       MallocFunction::kCalloc,
    MallocFunction::kRealloc,      MallocFunction::kAlignedAlloc,
    MallocFunction::kAlignedAlloc, MallocFunction::kPosixMemalign,
    MallocFunction::kFree};
constexpr uint64_t kMostCodeBytes = 4096;
constexpr std::array<uint8_t, 4> kEndbr64 = {0xf3, 0x0f, 0x1e, 0xfa};

std::string BaseName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string AllocatorOf(const std::string& module) {
  static constexpr std::pair<std::string_view, std::string_view> kFiles[] = {
      {"libjemalloc", "jemalloc"}, {"libtcmalloc", "tcmalloc"},
      {"libmimalloc", "mimalloc"}, {"libc.so", "glibc"},
      {"libc-2.", "glibc"},        {"ld-musl", "musl"}};
  for (const auto& [file, name] : kFiles) {
    if (std::string_view(module).starts_with(file)) return std::string(name);
  }
  return module;
}

struct Opened {
  OpenedFile file;
  ElfFile elf;
  uint64_t bias = 0;
};

absl::StatusOr<Opened> Open(const ProcessFiles& files,
                            const core::Mapping& mapping) {
  PLIMSOLL_ASSIGN_OR_RETURN(OpenedFile file, files.OpenMapped(mapping));
  if (file.device != mapping.device || file.inode != mapping.inode) {
    return absl::UnimplementedError(absl::StrCat(
        "the file mapped as ", mapping.path, " is not at its path any more"));
  }
  PLIMSOLL_ASSIGN_OR_RETURN(ElfFile elf, ElfFile::Parse(file.bytes));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const uint64_t bias,
      LoadBiasOf(elf.segments(), elf.fixed_address(), mapping));
  return Opened{std::move(file), std::move(elf), bias};
}

const core::Mapping* CodeAt(const std::vector<core::Mapping>& mappings,
                            uint64_t address) {
  for (const core::Mapping& m : mappings) {
    if (m.executable && m.inode != 0 && address >= m.start && address < m.end) {
      return &m;
    }
  }
  return nullptr;
}

// To where the interpreter's calls of `name` go now.
absl::StatusOr<uint64_t> BoundAddress(const Opened& interpreter,
                                      const core::MemorySource& memory,
                                      std::string_view name) {
  const auto slot = SlotOf(interpreter.elf, name);
  uint64_t address = 0;
  if (!slot) {
    return absl::UnimplementedError(absl::StrCat(
        "the interpreter calls no ", ToAbsl(name), " of another file"));
  }
  if (!ReadExactly(memory, interpreter.bias + *slot,
                   std::as_writable_bytes(std::span(&address, 1)))) {
    return absl::UnimplementedError(absl::StrCat(
        "where its calls of ", ToAbsl(name), " go could not be read"));
  }
  return address;
}

std::optional<core::MallocSite> SiteOf(const ElfFile& elf,
                                       const ElfSymbol& symbol,
                                       MallocFunction function) {
  const std::string code = elf.ReadAddress(
      symbol.address, std::clamp<uint64_t>(symbol.size, 16, kMostCodeBytes));
  const std::span bytes(reinterpret_cast<const uint8_t*>(code.data()),
                        code.size());
  const ProbeSite at = function == MallocFunction::kFree
                           ? ChooseProbeSite(bytes, 1)
                           : ChooseReturnSite(bytes);
  const auto offset = elf.FileOffset(symbol.address + at.offset);
  if (code.empty() || !offset) return std::nullopt;
  return core::MallocSite{function, *offset, at.cost};
}

absl::Status AddSites(const ElfFile& elf, const SymbolMap& symbols,
                      core::MallocSites& sites) {
  std::set<uint64_t> seen;  // memalign is aligned_alloc's other name
  for (size_t i = 0; i < kNames.size(); ++i) {
    const auto symbol = symbols.find(kNames[i]);
    if (symbol == symbols.end() ||
        !seen.insert(symbol->second.address).second) {
      continue;
    }
    if (const auto site = SiteOf(elf, symbol->second, kFunctions[i])) {
      sites.sites.push_back(*site);
    } else {
      return absl::UnimplementedError(
          absl::StrCat("the code of ", ToAbsl(kNames[i]), " of ", sites.module,
                       " is not in its file"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

ProbeSite ChooseReturnSite(std::span<const uint8_t> code) {
  size_t at = 0;
  if (code.size() > kEndbr64.size() &&
      std::equal(kEndbr64.begin(), kEndbr64.end(), code.begin())) {
    at = kEndbr64.size();
  }
  if (at < code.size() && IsEmulatedByKernel(code.subspan(at))) {
    return {.offset = at, .cost = core::ProbeCost::kEmulated};
  }
  return {};
}

absl::StatusOr<core::MallocSites> FindMallocSites(
    const core::PythonProcess& python, const ProcessFiles& files,
    const core::MemorySource& memory) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto mappings, files.ReadMappings());
  const auto own = std::find_if(
      mappings.begin(), mappings.end(), [&python](const core::Mapping& m) {
        return m.executable && m.device == python.build.device &&
               m.inode == python.build.inode;
      });
  if (own == mappings.end()) {
    return absl::NotFoundError("its interpreter is not mapped any more");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const Opened interpreter, Open(files, *own));
  PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t malloc,
                            BoundAddress(interpreter, memory, "malloc"));
  PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t free,
                            BoundAddress(interpreter, memory, "free"));
  const core::Mapping* library = CodeAt(mappings, malloc);
  const core::Mapping* other = CodeAt(mappings, free);
  if (library == nullptr || other == nullptr ||
      (library->device == own->device && library->inode == own->inode)) {
    return absl::UnimplementedError(
        "malloc is linked into the interpreter's file, or not bound yet");
  }
  if (library->device != other->device || library->inode != other->inode) {
    return absl::UnimplementedError(
        absl::StrCat("malloc and free are of two files, ",
                     BaseName(library->path), " and ", BaseName(other->path)));
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const Opened found, Open(files, *library));
  const SymbolMap symbols = found.elf.FindExports(kNames);
  const auto is_at = [&](std::string_view name, uint64_t address) {
    const auto symbol = symbols.find(name);
    return symbol != symbols.end() &&
           symbol->second.address + found.bias == address;
  };
  core::MallocSites sites;
  sites.module = BaseName(library->path);
  sites.allocator = AllocatorOf(sites.module);
  sites.open_path = found.file.open_path;
  sites.malloc_address = malloc;
  sites.chunk_heads = sites.allocator == "glibc";
  if (!is_at("malloc", malloc) || !is_at("free", free)) {
    return absl::UnimplementedError(
        absl::StrCat("its calls of malloc and free do not lead to what ",
                     sites.module, " exports by these names"));
  }
  PLIMSOLL_RETURN_IF_ERROR(AddSites(found.elf, symbols, sites));
  return sites;
}

}  // namespace plimsoll::python

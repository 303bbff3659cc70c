#include "agent/python/elf_file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/python/abseil_text.h"
#include "agent/python/elf_note.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::python {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr size_t kMaxNameBytes = 512;

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("ELF: ", ToAbsl(what)));
}

// The NUL-terminated string at `offset` of a string table, capped.
std::string_view NameAt(std::string_view table, uint64_t offset) {
  if (offset >= table.size()) return {};
  const std::string_view rest =
      std::string_view(table).substr(offset, kMaxNameBytes);
  const size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view()
                                       : rest.substr(0, end);
}

absl::StatusOr<Elf64_Ehdr> ReadHeader(const ByteSource& bytes) {
  const auto header = bytes.ReadStruct<Elf64_Ehdr>(0);
  if (!header) return Invalid("shorter than its header");
  if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
    return Invalid("no magic");
  }
  if (header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != EM_X86_64) {
    return Invalid("not a little-endian x86-64 file");
  }
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
    return Invalid("neither a program nor a shared library");
  }
  return *header;
}

absl::StatusOr<std::vector<ElfSegment>> ReadSegments(const ByteSource& bytes,
                                                     const Elf64_Ehdr& header) {
  if (header.e_phnum == 0) return Invalid("no segments");
  if (header.e_phnum > ElfFile::kMaxSegments ||
      header.e_phentsize != sizeof(Elf64_Phdr)) {
    return Invalid("program header table of an unlikely shape");
  }
  std::vector<ElfSegment> segments;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    const uint64_t at = i * sizeof(Elf64_Phdr);
    if (header.e_phoff > bytes.size()) return Invalid("truncated segments");
    const auto p = bytes.ReadStruct<Elf64_Phdr>(header.e_phoff + at);
    if (!p) return Invalid("truncated segments");
    if (p->p_type != PT_LOAD) continue;
    // Address arithmetic below must not wrap.
    if (p->p_vaddr > INT64_MAX || p->p_memsz > INT64_MAX / 2 ||
        p->p_offset > INT64_MAX || p->p_filesz > p->p_memsz) {
      return Invalid("segment out of range");
    }
    segments.push_back({.file_offset = p->p_offset,
                        .address = p->p_vaddr,
                        .file_bytes = p->p_filesz,
                        .memory_bytes = p->p_memsz,
                        .executable = (p->p_flags & PF_X) != 0,
                        .writable = (p->p_flags & PF_W) != 0});
  }
  if (segments.empty()) return Invalid("nothing to load");
  return segments;
}

// Sections are a convenience: a file may have none or broken ones.
std::vector<ElfSection> ReadSections(const ByteSource& bytes,
                                     const Elf64_Ehdr& header) {
  std::vector<ElfSection> sections;
  if (header.e_shnum == 0 || header.e_shnum > ElfFile::kMaxSections ||
      header.e_shentsize != sizeof(Elf64_Shdr) ||
      header.e_shoff > bytes.size()) {
    return sections;
  }
  const auto table = bytes.ReadBytes(
      header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr), 1 << 20);
  if (!table) return sections;
  std::vector<Elf64_Shdr> headers(header.e_shnum);
  std::memcpy(headers.data(), table->data(), table->size());
  std::string names;
  if (header.e_shstrndx < headers.size()) {
    const Elf64_Shdr& s = headers[header.e_shstrndx];
    names = bytes.ReadBytes(s.sh_offset, s.sh_size, 1 << 20).value_or("");
  }
  for (const Elf64_Shdr& s : headers) {
    sections.push_back({.name = std::string(NameAt(names, s.sh_name)),
                        .type = s.sh_type,
                        .address = s.sh_addr,
                        .file_offset = s.sh_offset,
                        .size = s.sh_size,
                        .link = s.sh_link});
  }
  return sections;
}

}  // namespace

absl::StatusOr<ElfFile> ElfFile::Parse(
    std::shared_ptr<const ByteSource> bytes) {
  ElfFile elf(std::move(bytes));
  PLIMSOLL_RETURN_IF_ERROR(elf.ReadHeaders());
  elf.ReadBuildId();
  return elf;
}

absl::Status ElfFile::ReadHeaders() {
  PLIMSOLL_ASSIGN_OR_RETURN(const Elf64_Ehdr header, ReadHeader(*bytes_));
  PLIMSOLL_ASSIGN_OR_RETURN(segments_, ReadSegments(*bytes_, header));
  sections_ = ReadSections(*bytes_, header);
  fixed_address_ = header.e_type == ET_EXEC;
  return absl::OkStatus();
}

void ElfFile::ReadBuildId() {
  const ElfSection* section = FindSection(".note.gnu.build-id");
  if (section == nullptr) return;
  const auto notes =
      bytes_->ReadBytes(section->file_offset, section->size, 4096);
  if (!notes) return;
  VisitNotes(*notes, [this](std::string_view name, uint32_t type,
                            std::string_view desc) {
    if (name == "GNU" && type == NT_GNU_BUILD_ID && desc.size() <= 64) {
      build_id_ = absl::BytesToHexString(ToAbsl(desc));
    }
  });
}

const ElfSection* ElfFile::FindSection(std::string_view name) const {
  const auto it =
      std::find_if(sections_.begin(), sections_.end(),
                   [&](const ElfSection& s) { return s.name == name; });
  return it == sections_.end() ? nullptr : &*it;
}

bool ElfFile::has_symtab() const {
  return std::any_of(sections_.begin(), sections_.end(), [](const auto& s) {
    return s.type == SHT_SYMTAB && s.size > sizeof(Elf64_Sym);
  });
}

void ElfFile::VisitSymbols(uint32_t section_type,
                           const SymbolVisitor& visit) const {
  for (const ElfSection& section : sections_) {
    if (section.type != section_type) continue;
    if (section.link >= sections_.size()) return;
    const ElfSection& strings = sections_[section.link];
    const auto names =
        bytes_->ReadBytes(strings.file_offset, strings.size, kMaxTableBytes);
    const auto table =
        bytes_->ReadBytes(section.file_offset, section.size, kMaxTableBytes);
    if (!names || !table) return;
    for (size_t at = 0; at + sizeof(Elf64_Sym) <= table->size();
         at += sizeof(Elf64_Sym)) {
      Elf64_Sym raw;
      std::memcpy(&raw, table->data() + at, sizeof(raw));
      if (raw.st_shndx == SHN_UNDEF || raw.st_shndx == SHN_ABS) continue;
      const uint8_t type = ELF64_ST_TYPE(raw.st_info);
      if (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE) {
        continue;
      }
      const std::string_view name = NameAt(*names, raw.st_name);
      if (name.empty()) continue;
      const ElfSymbol symbol{.name = {},
                             .address = raw.st_value,
                             .size = raw.st_size,
                             .is_function = type == STT_FUNC};
      if (!visit(name, symbol)) return;
    }
    return;  // one table of each type
  }
}

SymbolMap ElfFile::FindSymbols(std::span<const std::string_view> names) const {
  auto found = FindExports(names);
  if (found.size() == names.size()) return found;
  const std::unordered_set<std::string_view> wanted(names.begin(), names.end());
  VisitSymbols(SHT_SYMTAB, [&](std::string_view name, const ElfSymbol& symbol) {
    if (!wanted.contains(name)) return true;
    const auto [it, inserted] = found.try_emplace(std::string(name), symbol);
    if (inserted) it->second.name = std::string(name);
    return true;
  });
  return found;
}

SymbolMap ElfFile::FindExports(std::span<const std::string_view> names) const {
  const std::unordered_set<std::string_view> wanted(names.begin(), names.end());
  SymbolMap found;
  VisitSymbols(SHT_DYNSYM, [&](std::string_view name, const ElfSymbol& symbol) {
    if (!wanted.contains(name)) return true;
    const auto [it, inserted] = found.try_emplace(std::string(name), symbol);
    if (inserted) it->second.name = std::string(name);
    return found.size() < wanted.size();
  });
  return found;
}

std::vector<ElfSymbol> ElfFile::MatchSymtab(
    const std::function<bool(std::string_view)>& wanted) const {
  std::vector<ElfSymbol> found;
  VisitSymbols(SHT_SYMTAB, [&](std::string_view name, const ElfSymbol& symbol) {
    if (wanted(name)) {
      found.push_back(symbol);
      found.back().name = std::string(name);
    }
    return found.size() < 1024;
  });
  return found;
}

std::optional<uint64_t> ElfFile::FileOffset(uint64_t address) const {
  for (const ElfSegment& s : segments_) {
    if (address >= s.address && address - s.address < s.file_bytes) {
      return s.file_offset + (address - s.address);
    }
  }
  return std::nullopt;
}

std::string ElfFile::ReadAddress(uint64_t address, uint64_t length) const {
  for (const ElfSegment& s : segments_) {
    if (address < s.address || address - s.address >= s.file_bytes) continue;
    const uint64_t skip = address - s.address;
    const uint64_t n = std::min(length, s.file_bytes - skip);
    return bytes_->ReadBytes(s.file_offset + skip, n, kMaxTableBytes)
        .value_or("");
  }
  return {};
}

absl::StatusOr<uint64_t> LoadBiasOf(std::span<const ElfSegment> segments,
                                    bool fixed_address,
                                    const core::Mapping& mapping) {
  // Two segments may share a file page at their border: prefer the one whose
  // rights are the mapping's.
  const ElfSegment* best = nullptr;
  for (const ElfSegment& s : segments) {
    const uint64_t begin = s.file_offset / kPageBytes * kPageBytes;
    const uint64_t end = s.file_offset + s.file_bytes;
    if (mapping.file_offset < begin || mapping.file_offset >= end) continue;
    if (best == nullptr || s.executable == mapping.executable) best = &s;
    if (s.executable == mapping.executable) break;
  }
  if (best == nullptr) {
    return Invalid(absl::StrCat("no segment at file offset ",
                                mapping.file_offset, " as mapped"));
  }
  // May wrap below zero and back when the mapping starts before p_offset.
  const uint64_t address =
      best->address + (mapping.file_offset - best->file_offset);
  const uint64_t bias = mapping.start - address;
  if (bias % kPageBytes != 0) return Invalid("segment is not page-congruent");
  if (fixed_address && bias != 0) {
    return Invalid("a fixed-address program mapped elsewhere");
  }
  return bias;
}

}  // namespace plimsoll::python

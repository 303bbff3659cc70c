// ElfFile: the few facts of a 64-bit little-endian x86-64 ELF file that finding
// and probing an interpreter needs: load segments, symbols, build id, notes.
//
// Our own reader rather than libelf: it runs on files that a container chose,
// so that every offset and count is checked, every table is capped, and nothing
// is mapped. Sizes: at most kMaxSections sections, kMaxTableBytes per table.
//
// Format: System V ABI, chapters 4 and 5, and /usr/include/elf.h.
//
// Owned by its creator; immutable after Parse; any thread may read it.
#ifndef PLIMSOLL_AGENT_PYTHON_ELF_FILE_H_
#define PLIMSOLL_AGENT_PYTHON_ELF_FILE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/ports.h"
#include "agent/python/byte_source.h"

namespace plimsoll::python {

struct ElfSymbol {
  std::string name;
  uint64_t address = 0;  // as linked; add the load bias
  uint64_t size = 0;
  bool is_function = false;
};

using SymbolMap = std::map<std::string, ElfSymbol, std::less<>>;

struct ElfSegment {  // PT_LOAD
  uint64_t file_offset = 0;
  uint64_t address = 0;
  uint64_t file_bytes = 0;
  uint64_t memory_bytes = 0;
  bool executable = false;
  bool writable = false;
};

struct ElfSection {
  std::string name;
  uint32_t type = 0;
  uint64_t address = 0;
  uint64_t file_offset = 0;
  uint64_t size = 0;
  uint32_t link = 0;
};

// What to add to linked addresses, from one mapping of the file with these
// segments; kInvalidArgument when the mapping fits none.
absl::StatusOr<uint64_t> LoadBiasOf(std::span<const ElfSegment> segments,
                                    bool fixed_address,
                                    const core::Mapping& mapping);

class ElfFile {
 public:
  static constexpr uint64_t kMaxSegments = 256;
  static constexpr uint64_t kMaxSections = 8192;
  static constexpr uint64_t kMaxTableBytes = 64 << 20;

  // kInvalidArgument naming what is wrong. A file without sections is valid:
  // it has segments and no symbols.
  static absl::StatusOr<ElfFile> Parse(std::shared_ptr<const ByteSource> bytes);

  const std::vector<ElfSegment>& segments() const { return segments_; }
  const std::vector<ElfSection>& sections() const { return sections_; }
  const ElfSection* FindSection(std::string_view name) const;
  // Linked at fixed addresses (ET_EXEC): its load bias is 0.
  bool fixed_address() const { return fixed_address_; }
  bool has_symtab() const;
  const std::string& build_id() const { return build_id_; }  // hex or ""

  // Defined symbols of these exact names, .dynsym first, then .symtab.
  SymbolMap FindSymbols(std::span<const std::string_view> names) const;
  // The same in .dynsym only: what the file exports.
  SymbolMap FindExports(std::span<const std::string_view> names) const;
  // Defined symbols of .symtab that `wanted` accepts, in file order.
  std::vector<ElfSymbol> MatchSymtab(
      const std::function<bool(std::string_view)>& wanted) const;

  std::optional<uint64_t> FileOffset(uint64_t address) const;
  // Up to `length` bytes (at most kMaxTableBytes) of the file's image at a
  // linked address; shorter at the end of the segment.
  std::string ReadAddress(uint64_t address, uint64_t length) const;

  const ByteSource& bytes() const { return *bytes_; }

 private:
  using SymbolVisitor = std::function<bool(std::string_view, const ElfSymbol&)>;
  explicit ElfFile(std::shared_ptr<const ByteSource> bytes)
      : bytes_(std::move(bytes)) {}
  absl::Status ReadHeaders();
  void ReadBuildId();
  // Calls `visit` for each defined symbol until it returns false.
  void VisitSymbols(uint32_t section_type, const SymbolVisitor& visit) const;

  std::shared_ptr<const ByteSource> bytes_;
  std::vector<ElfSegment> segments_;
  std::vector<ElfSection> sections_;
  bool fixed_address_ = false;
  std::string build_id_;
};

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_ELF_FILE_H_

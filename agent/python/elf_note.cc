#include "agent/python/elf_note.h"

#include <elf.h>

#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "agent/python/abseil_text.h"

namespace plimsoll::python {
namespace {

constexpr size_t kMaxProbes = 4096;
constexpr uint64_t kMaxNoteBytes = 1 << 20;
constexpr uint32_t kStapsdtType = 3;

uint64_t AlignUp4(uint64_t n) { return (n + 3) & ~uint64_t{3}; }

// The NUL-terminated string at the front of `rest`, which moves past it.
std::optional<std::string_view> TakeString(std::string_view& rest) {
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return text;
}

std::optional<UsdtProbe> ParseStapsdt(std::string_view desc,
                                      uint64_t base_address) {
  std::array<uint64_t, 3> head;  // location, base, semaphore
  if (desc.size() < sizeof(head)) return std::nullopt;
  std::memcpy(head.data(), desc.data(), sizeof(head));
  desc.remove_prefix(sizeof(head));
  const auto provider = TakeString(desc);
  const auto name = provider ? TakeString(desc) : std::nullopt;
  if (!name) return std::nullopt;
  const auto arguments = TakeString(desc);
  // Prelink moves the sections but not the notes: .stapsdt.base tells by how
  // much.
  const uint64_t moved = base_address == 0 ? 0 : base_address - head[1];
  return UsdtProbe{.provider = std::string(*provider),
                   .name = std::string(*name),
                   .address = head[0] + moved,
                   .semaphore_address = head[2] == 0 ? 0 : head[2] + moved,
                   .arguments = std::string(arguments.value_or(""))};
}

// Index as in core::ProbePoint, and the register's width; all names of each.
int RegisterIndex(std::string_view name) {
  static constexpr std::array<std::array<std::string_view, 4>, 16> kNames = {{
      {"rdi", "edi", "di", "dil"},
      {"rsi", "esi", "si", "sil"},
      {"rdx", "edx", "dx", "dl"},
      {"rcx", "ecx", "cx", "cl"},
      {"r8", "r8d", "r8w", "r8b"},
      {"r9", "r9d", "r9w", "r9b"},
      {"rax", "eax", "ax", "al"},
      {"rbx", "ebx", "bx", "bl"},
      {"rbp", "ebp", "bp", "bpl"},
      {"r10", "r10d", "r10w", "r10b"},
      {"r11", "r11d", "r11w", "r11b"},
      {"r12", "r12d", "r12w", "r12b"},
      {"r13", "r13d", "r13w", "r13b"},
      {"r14", "r14d", "r14w", "r14b"},
      {"r15", "r15d", "r15w", "r15b"},
      {"rsp", "esp", "sp", "spl"},
  }};
  for (size_t i = 0; i < kNames.size(); ++i) {
    for (const std::string_view n : kNames[i]) {
      if (n == name) return static_cast<int>(i);
    }
  }
  return -1;
}

std::optional<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &value)) {
    return std::nullopt;
  }
  return value;
}

// "112(%rsp)", "(%rax)", "-8(%rbp)".
std::optional<UsdtArgument> ParseMemory(std::string_view text, int bytes) {
  const size_t open = text.find('(');
  if (open == std::string_view::npos || text.size() < open + 4 ||
      text.back() != ')' || text[open + 1] != '%') {
    return std::nullopt;
  }
  const std::string_view base = text.substr(open + 2, text.size() - open - 3);
  const auto displacement =
      open == 0 ? std::optional<int64_t>(0) : ParseInt(text.substr(0, open));
  const int index = RegisterIndex(base);
  if (index < 0 || base.front() != 'r' || base.back() == 'd' || !displacement ||
      *displacement < INT32_MIN || *displacement > INT32_MAX) {
    return std::nullopt;
  }
  return UsdtArgument{.bytes = bytes,
                      .kind = UsdtArgument::Kind::kMemory,
                      .register_index = index,
                      .displacement = static_cast<int32_t>(*displacement)};
}

}  // namespace

void VisitNotes(std::string_view section,
                const std::function<void(std::string_view, uint32_t,
                                         std::string_view)>& visit) {
  while (section.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr header;
    std::memcpy(&header, section.data(), sizeof(header));
    section.remove_prefix(sizeof(header));
    const uint64_t name_padded = AlignUp4(header.n_namesz);
    if (name_padded > section.size()) return;
    std::string_view name = section.substr(0, header.n_namesz);
    if (!name.empty() && name.back() == '\0') name.remove_suffix(1);
    section.remove_prefix(name_padded);
    if (header.n_descsz > section.size()) return;
    visit(name, header.n_type, section.substr(0, header.n_descsz));
    section.remove_prefix(
        std::min<uint64_t>(AlignUp4(header.n_descsz), section.size()));
  }
}

std::vector<UsdtProbe> ReadUsdtProbes(const ElfFile& elf) {
  std::vector<UsdtProbe> probes;
  const ElfSection* notes = elf.FindSection(".note.stapsdt");
  if (notes == nullptr) return probes;
  const ElfSection* base = elf.FindSection(".stapsdt.base");
  const auto bytes =
      elf.bytes().ReadBytes(notes->file_offset, notes->size, kMaxNoteBytes);
  if (!bytes) return probes;
  VisitNotes(*bytes, [&](std::string_view name, uint32_t type,
                         std::string_view desc) {
    if (name != "stapsdt" || type != kStapsdtType ||
        probes.size() >= kMaxProbes) {
      return;
    }
    if (auto probe = ParseStapsdt(desc, base == nullptr ? 0 : base->address)) {
      probes.push_back(*std::move(probe));
    }
  });
  return probes;
}

std::optional<UsdtArgument> ParseFirstUsdtArgument(std::string_view arguments) {
  const std::string_view first = arguments.substr(0, arguments.find(' '));
  const size_t at = first.find('@');
  if (at == std::string_view::npos || at + 1 >= first.size()) {
    return std::nullopt;
  }
  const auto size = ParseInt(first.substr(0, at));
  if (!size || (*size != 1 && *size != 2 && *size != 4 && *size != 8 &&
                *size != -1 && *size != -2 && *size != -4 && *size != -8)) {
    return std::nullopt;
  }
  const int bytes = static_cast<int>(*size);
  const std::string_view where = first.substr(at + 1);
  if (where.front() == '%') {
    const int index = RegisterIndex(where.substr(1));
    if (index < 0) return std::nullopt;
    return UsdtArgument{.bytes = bytes, .register_index = index};
  }
  if (where.front() == '$') {
    const auto value = ParseInt(where.substr(1));
    if (!value) return std::nullopt;
    return UsdtArgument{.bytes = bytes,
                        .kind = UsdtArgument::Kind::kConstant,
                        .constant = *value};
  }
  return ParseMemory(where, bytes);
}

}  // namespace plimsoll::python

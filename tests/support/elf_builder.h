// ElfBuilder makes small valid ELF files in memory: one code segment at
// kCode, one data segment, symbols, notes. Tests and fuzz seeds break them.
#ifndef PLIMSOLL_TESTS_SUPPORT_ELF_BUILDER_H_
#define PLIMSOLL_TESTS_SUPPORT_ELF_BUILDER_H_
#include <elf.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::testing {

class ElfBuilder {
 public:
  static constexpr uint64_t kEhFrame = 0x800;
  static constexpr uint64_t kCode = 0x1000;  // linked address and file offset
  static constexpr uint64_t kData = 0x3000;  // linked address; file 0x2000

  ElfBuilder& Code(std::string_view bytes) {
    code_.append(bytes);
    return *this;
  }
  ElfBuilder& ReadOnly(std::string_view bytes) {
    read_only_.append(bytes);
    return *this;
  }
  ElfBuilder& Export(std::string_view name, uint64_t address, bool function,
                     uint64_t size = 16) {
    Add(dynamic_, name, address, function, size);
    return *this;
  }
  ElfBuilder& Local(std::string_view name, uint64_t address, bool function,
                    uint64_t size = 16) {
    Add(local_, name, address, function, size);
    return *this;
  }
  // The function is another file's, reached through the pointer at `slot`.
  ElfBuilder& Import(std::string_view name, uint64_t slot,
                     uint32_t type = R_X86_64_JUMP_SLOT) {
    const uint64_t index = dynamic_.symbols.size() / sizeof(Elf64_Sym);
    const Elf64_Rela entry = {slot, ELF64_R_INFO(index, type), 0};
    relocations_.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
    return Export(name, 0, true, 0);
  }
  ElfBuilder& BuildId(std::string_view id) {
    build_id_ = Note("GNU", NT_GNU_BUILD_ID, id);
    return *this;
  }
  ElfBuilder& Usdt(std::string_view provider, std::string_view name,
                   std::string_view arguments, uint64_t location,
                   uint64_t semaphore) {
    const std::array<uint64_t, 3> head = {location, 0, semaphore};
    std::string desc(reinterpret_cast<const char*>(head.data()), sizeof(head));
    for (const std::string_view part : {provider, name, arguments}) {
      desc.append(part);
      desc.push_back('\0');
    }
    stapsdt_ += Note("stapsdt", 3, desc);
    return *this;
  }
  // Loaded at kEhFrame, file and address.
  ElfBuilder& EhFrame(std::string_view bytes) {
    eh_frame_ = bytes;
    return *this;
  }
  ElfBuilder& FixedAddress() {
    type_ = ET_EXEC;
    return *this;
  }

  std::string Build() const {
    std::string file(0x2000, '\0');
    std::memcpy(file.data() + kReadOnlyAt, read_only_.data(),
                read_only_.size());
    std::memcpy(file.data() + kEhFrame, eh_frame_.data(), eh_frame_.size());
    std::memcpy(file.data() + kCode, code_.data(), code_.size());
    file.append(0x1000, '\0');  // data
    std::vector<Elf64_Shdr> sections(1);
    std::string names(1, '\0');
    const auto add = [&](std::string_view name, uint32_t type,
                         std::string_view bytes, uint32_t link) {
      Elf64_Shdr s{};
      s.sh_name = static_cast<uint32_t>(names.size());
      names.append(name);
      names.push_back('\0');
      s.sh_type = type;
      s.sh_offset = file.size();
      s.sh_size = bytes.size();
      s.sh_link = link;
      file.append(bytes);
      sections.push_back(s);
    };
    add(".dynsym", SHT_DYNSYM, dynamic_.symbols, 2);
    add(".dynstr", SHT_STRTAB, dynamic_.names, 0);
    if (local_.names.size() > 1) {
      add(".symtab", SHT_SYMTAB, local_.symbols, 4);
      add(".strtab", SHT_STRTAB, local_.names, 0);
    }
    if (!build_id_.empty()) add(".note.gnu.build-id", SHT_NOTE, build_id_, 0);
    if (!stapsdt_.empty()) add(".note.stapsdt", SHT_NOTE, stapsdt_, 0);
    if (!eh_frame_.empty()) {
      add(".eh_frame", SHT_PROGBITS, "", 0);
      sections.back().sh_addr = sections.back().sh_offset = kEhFrame;
      sections.back().sh_size = eh_frame_.size();
    }
    if (!relocations_.empty()) add(".rela.plt", SHT_RELA, relocations_, 1);
    const auto shstrndx = static_cast<uint16_t>(sections.size());
    // The table of names names itself, so its text must be whole first.
    names.append(".shstrtab");
    names.push_back('\0');
    const std::string all_names = names;
    add("", SHT_STRTAB, all_names, 0);
    AddHeaders(sections, shstrndx, file);
    return file;
  }

 private:
  static constexpr uint64_t kReadOnlyAt = 0x400;
  struct Table {
    std::string symbols = std::string(sizeof(Elf64_Sym), '\0');
    std::string names = std::string(1, '\0');
  };

  // What stands at the front of `file`, and the sections' table at its end.
  void AddHeaders(const std::vector<Elf64_Shdr>& sections, uint16_t shstrndx,
                  std::string& file) const {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = type_;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof(header);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 3;
    header.e_shoff = file.size();
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<uint16_t>(sections.size());
    header.e_shstrndx = shstrndx;
    file.append(reinterpret_cast<const char*>(sections.data()),
                sections.size() * sizeof(Elf64_Shdr));
    std::memcpy(file.data(), &header, sizeof(header));
    const std::array<Elf64_Phdr, 3> segments = {
        Segment(PF_R, 0, 0, 0x1000),
        Segment(PF_R | PF_X, kCode, kCode, 0x1000),
        Segment(PF_R | PF_W, 0x2000, kData, 0x1000),
    };
    std::memcpy(file.data() + sizeof(header), segments.data(),
                sizeof(segments));
  }

  static Elf64_Phdr Segment(uint32_t flags, uint64_t offset, uint64_t address,
                            uint64_t size) {
    Elf64_Phdr p{};
    p.p_type = PT_LOAD;
    p.p_flags = flags;
    p.p_offset = offset;
    p.p_vaddr = address;
    p.p_filesz = size;
    p.p_memsz = size;
    return p;
  }
  static void Add(Table& table, std::string_view name, uint64_t address,
                  bool function, uint64_t size) {
    Elf64_Sym s{};
    s.st_name = static_cast<uint32_t>(table.names.size());
    s.st_info = ELF64_ST_INFO(STB_GLOBAL, function ? STT_FUNC : STT_OBJECT);
    s.st_shndx = address == 0 ? SHN_UNDEF : 1;
    s.st_value = address;
    s.st_size = size;
    table.names.append(name);
    table.names.push_back('\0');
    table.symbols.append(reinterpret_cast<const char*>(&s), sizeof(s));
  }
  static std::string Note(std::string_view name, uint32_t type,
                          std::string_view desc) {
    Elf64_Nhdr h{};
    h.n_namesz = static_cast<uint32_t>(name.size() + 1);
    h.n_descsz = static_cast<uint32_t>(desc.size());
    h.n_type = type;
    std::string note(reinterpret_cast<const char*>(&h), sizeof(h));
    note.append(name);
    note.push_back('\0');
    note.resize((note.size() + 3) / 4 * 4);
    note.append(desc);
    note.resize((note.size() + 3) / 4 * 4);
    return note;
  }

  uint16_t type_ = ET_DYN;
  std::string code_, read_only_, build_id_, stapsdt_, eh_frame_, relocations_;
  Table dynamic_, local_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_ELF_BUILDER_H_

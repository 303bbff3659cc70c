#include "agent/python/code_symbolizer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "agent/python/line_table.h"
#include "agent/python/remote_values.h"

namespace plimsoll::python {
namespace {

constexpr size_t kMaxTableBytes = 1 << 20;
constexpr uint64_t kMaxCodeBytes = 64 << 20;
constexpr uint64_t kObType = 8;
constexpr uint64_t kObSize = 16;

bool IsIdentifier(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') ||
           (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

// "pkg/sub/__init__.py" -> "pkg.sub"; "" when it is no module path.
std::string ModuleOfRelativePath(std::string_view path) {
  constexpr std::string_view kSuffix = ".py";
  if (path.size() <= kSuffix.size() ||
      path.substr(path.size() - kSuffix.size()) != kSuffix) {
    return "";
  }
  path.remove_suffix(kSuffix.size());
  std::string module;
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    if (!IsIdentifier(part)) return "";
    if (!(last && part == "__init__" && !module.empty())) {
      if (!module.empty()) module.push_back('.');
      module.append(part);
    }
    if (last) return module;
    path.remove_prefix(slash + 1);
  }
}

// What follows "/lib/python3.N/" or "/lib64/python3.N/" where N is a number.
std::optional<std::string_view> BelowStandardLibrary(std::string_view file) {
  constexpr std::string_view kMarker = "/python3.";
  const size_t at = file.find(kMarker);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = file.substr(0, at);
  const auto ends_with = [before](std::string_view end) {
    return before.size() >= end.size() &&
           before.substr(before.size() - end.size()) == end;
  };
  if (!ends_with("/lib") && !ends_with("/lib64")) return std::nullopt;
  std::string_view rest = file.substr(at + kMarker.size());
  const size_t slash = rest.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash > 3) {
    return std::nullopt;
  }
  return rest.substr(slash + 1);
}

}  // namespace

std::string ModuleOfFile(std::string_view file) {
  constexpr std::string_view kFrozen = "<frozen ";
  if (file.substr(0, kFrozen.size()) == kFrozen && file.back() == '>') {
    return std::string(
        file.substr(kFrozen.size(), file.size() - kFrozen.size() - 1));
  }
  for (const std::string_view packages :
       {"/site-packages/", "/dist-packages/"}) {
    const size_t at = file.rfind(packages);
    if (at != std::string_view::npos) {
      return ModuleOfRelativePath(file.substr(at + packages.size()));
    }
  }
  const auto rest = BelowStandardLibrary(file);
  return rest ? ModuleOfRelativePath(*rest) : "";
}

size_t CodeSymbolizer::Code::bytes() const {
  return sizeof(Code) + frame.function.size() + frame.file.size() +
         frame.module.size() + table.size() + 64;
}

CodeSymbolizer::CodeSymbolizer(const core::PythonProcess& python,
                               size_t max_cached_bytes)
    : objects_(python.objects),
      layout_(python.code),
      instruction_is_lasti_(python.frames.instruction_is_lasti),
      lasti_bytes_(python.build.version.minor == 10 ? 2 : 1),
      max_cached_bytes_(max_cached_bytes) {}

std::optional<CodeSymbolizer::Identity> CodeSymbolizer::ReadIdentity(
    uint64_t code, const core::MemorySource& memory) const {
  // One read of the object's fixed part: all fields of one moment.
  std::array<std::byte, 256> head{};
  const int32_t last =
      std::max({layout_.filename, layout_.name, layout_.qualname,
                layout_.linetable, layout_.firstlineno});
  if (last < 0 || last + 8 > static_cast<int32_t>(head.size()) ||
      !ReadExactly(memory, code, std::span(head).first(last + 8))) {
    return std::nullopt;
  }
  const auto word = [&head](int32_t offset) {
    uint64_t value = 0;
    std::memcpy(&value, head.data() + offset, sizeof(value));
    return value;
  };
  if (layout_.code_type_address != 0 &&
      word(kObType) != layout_.code_type_address) {
    return std::nullopt;
  }
  Identity identity{
      .filename = word(layout_.filename),
      .name = word(layout_.qualname != core::kAbsent ? layout_.qualname
                                                     : layout_.name),
      .linetable = word(layout_.linetable)};
  std::memcpy(&identity.first_line, head.data() + layout_.firstlineno,
              sizeof(identity.first_line));
  return identity;
}

std::optional<CodeSymbolizer::Code> CodeSymbolizer::ReadCode(
    uint64_t address, const Identity& identity,
    const core::MemorySource& memory) const {
  auto file = ReadStr(memory, objects_, identity.filename);
  auto function = ReadStr(memory, objects_, identity.name);
  auto table = ReadBytesObject(memory, identity.linetable, kMaxTableBytes);
  if (!file || !function || !table) return std::nullopt;
  Code code;
  code.address = address;
  code.identity = identity;
  code.frame.module = ModuleOfFile(*file);
  code.frame.function = *std::move(function);
  code.frame.file = *std::move(file);
  code.table = *std::move(table);
  return code;
}

const CodeSymbolizer::Code* CodeSymbolizer::FindOrRead(
    uint64_t address, const core::MemorySource& memory) {
  const auto identity = ReadIdentity(address, memory);
  if (!identity) return nullptr;
  if (const auto it = by_address_.find(address); it != by_address_.end()) {
    if (it->second->identity == *identity) {
      codes_.splice(codes_.begin(), codes_, it->second);
      return &codes_.front();
    }
    cached_bytes_ -= it->second->bytes();  // another object by now
    codes_.erase(it->second);
    by_address_.erase(it);
  }
  auto code = ReadCode(address, *identity, memory);
  if (!code) return nullptr;
  cached_bytes_ += code->bytes();
  codes_.push_front(*std::move(code));
  by_address_[address] = codes_.begin();
  while (cached_bytes_ > max_cached_bytes_ && codes_.size() > 1) {
    cached_bytes_ -= codes_.back().bytes();
    by_address_.erase(codes_.back().address);
    codes_.pop_back();
  }
  return &codes_.front();
}

std::optional<int32_t> CodeSymbolizer::InstructionOffset(
    const core::RawFrame& frame, const core::MemorySource& memory) const {
  if (instruction_is_lasti_) {
    const auto lasti = static_cast<int32_t>(frame.instruction);
    if (lasti > static_cast<int32_t>(kMaxCodeBytes)) return std::nullopt;
    return lasti < 0 ? -1 : lasti * lasti_bytes_;
  }
  const uint64_t first = frame.code_address + layout_.code_adaptive;
  if (frame.instruction + 2 == first) return -1;  // not begun
  const auto units = ReadWord(memory, frame.code_address + kObSize);
  const uint64_t offset = frame.instruction - first;
  // Py_SIZE of a code object is its length in 2-byte units.
  if (!units || *units > kMaxCodeBytes || offset >= *units * 2) {
    return std::nullopt;
  }
  return static_cast<int32_t>(offset);
}

core::Frame CodeSymbolizer::Symbolize(const core::RawFrame& frame,
                                      const core::MemorySource& memory) {
  core::Frame unknown;
  unknown.function = kUnknownFunction;
  const Code* code = FindOrRead(frame.code_address, memory);
  if (code == nullptr) return unknown;
  const auto offset = InstructionOffset(frame, memory);
  if (!offset) return unknown;
  core::Frame named = code->frame;
  named.line = LineAt(layout_.line_table, code->table,
                      code->identity.first_line, *offset);
  return named;
}

std::vector<core::Frame> CodeSymbolizer::Symbolize(
    const std::vector<core::RawFrame>& frames,
    const core::MemorySource& memory) {
  std::vector<core::Frame> named;
  named.reserve(frames.size());
  for (const core::RawFrame& frame : frames) {
    named.push_back(Symbolize(frame, memory));
  }
  return named;
}

}  // namespace plimsoll::python

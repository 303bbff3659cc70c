// CodeSymbolizer names the raw frames that BPF collects: function, file, line.
//
// It reads code objects of the live target, so that each answer is checked: the
// object must still be a code object, and a cached one is used only while its
// pointers are the same. A frame whose code object is gone gets the function
// kUnknownFunction and nothing else.
//
// Instructions: up to 3.10 f_lasti (3.10 counts 2-byte units); 3.11 and 3.12
// the address in prev_instr, the instruction executed last; from 3.13 that in
// instr_ptr, the one being executed. Both are the same distance from
// co_code_adaptive (_PyInterpreterFrame_LASTI in pycore_frame.h).
//
// One thread at a time; one symbolizer per process. Memory: at most
// `max_cached_bytes` of strings and tables, least recently used go first.
#ifndef PLIMSOLL_AGENT_PYTHON_CODE_SYMBOLIZER_H_
#define PLIMSOLL_AGENT_PYTHON_CODE_SYMBOLIZER_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/core/ports.h"
#include "agent/core/python_layout.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::python {

inline constexpr char kUnknownFunction[] = "<unknown>";

// The module that a file is, where the path leaves no doubt: below
// site-packages, dist-packages or the standard library, or frozen; else "".
std::string ModuleOfFile(std::string_view file);

class CodeSymbolizer {
 public:
  explicit CodeSymbolizer(const core::PythonProcess& python,
                          size_t max_cached_bytes = 8 << 20);

  core::Frame Symbolize(const core::RawFrame& frame,
                        const core::MemorySource& memory);
  // One Frame for each RawFrame, in order.
  std::vector<core::Frame> Symbolize(const std::vector<core::RawFrame>& frames,
                                     const core::MemorySource& memory);

  size_t cached_bytes() const { return cached_bytes_; }

 private:
  // The fields of a code object that tell it from another at its address.
  struct Identity {
    uint64_t filename = 0, name = 0, linetable = 0;
    int32_t first_line = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct Code {
    uint64_t address = 0;
    Identity identity;
    core::Frame frame;  // without the line
    std::string table;
    size_t bytes() const;
  };
  std::optional<Identity> ReadIdentity(uint64_t code,
                                       const core::MemorySource& memory) const;
  std::optional<Code> ReadCode(uint64_t address, const Identity& identity,
                               const core::MemorySource& memory) const;
  const Code* FindOrRead(uint64_t address, const core::MemorySource& memory);
  // Bytes from the first instruction; nothing when it is not in this code.
  std::optional<int32_t> InstructionOffset(
      const core::RawFrame& frame, const core::MemorySource& memory) const;

  core::ObjectLayout objects_;
  core::CodeLayout layout_;
  bool instruction_is_lasti_;
  int lasti_bytes_;  // bytes of one unit of f_lasti
  size_t max_cached_bytes_;
  size_t cached_bytes_ = 0;
  std::list<Code> codes_;  // most recently used first
  absl::flat_hash_map<uint64_t, std::list<Code>::iterator> by_address_;
};

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_CODE_SYMBOLIZER_H_

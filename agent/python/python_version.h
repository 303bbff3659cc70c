// Which CPython an ELF file is, decided by evidence and never by its name
// alone: two kinds of evidence must agree, or the file is refused by name.
//
//   exports       functions that first appeared in each minor (Doc/whatsnew)
//   Py_Version    exported constant, PY_VERSION_HEX, from 3.11
//   text          the literal PY_VERSION ("3.9.18") in read-only data
//   file name     python3.9, libpython3.9.so.1.0
//   debug offsets _Py_DebugOffsets.version in the process, from 3.13
//
// Pure but for reads of the file; any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_PYTHON_VERSION_H_
#define PLIMSOLL_AGENT_PYTHON_PYTHON_VERSION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/core/python_layout.h"
#include "agent/python/elf_file.h"

namespace plimsoll::python {

struct VersionEvidence {
  std::optional<int> exports_minor;
  std::optional<uint32_t> version_hex;
  std::optional<core::PythonVersion> text;
  bool text_prerelease = false;
  bool text_ambiguous = false;
  std::optional<core::PythonVersion> file_name;  // micro unknown: 0
};

// "3.13.0" of 0x030d00f0; prerelease unless the level nibble is 0xf.
core::PythonVersion VersionOfHex(uint32_t hex);
bool IsPrerelease(uint32_t hex);

// "3.9.18", "3.12.0a4", "3.11.7+"; `prerelease` may be null.
std::optional<core::PythonVersion> ParseVersionText(std::string_view text,
                                                    bool* prerelease);
// From "/usr/lib/libpython3.7m.so.1.0" or ".../python3.11".
std::optional<core::PythonVersion> VersionOfFileName(std::string_view path);

VersionEvidence CollectVersionEvidence(const ElfFile& elf,
                                       std::string_view path);

// The version, or kUnimplemented with the disagreement in words.
absl::StatusOr<core::PythonVersion> DecideVersion(const VersionEvidence& e);

std::string ToString(const core::PythonVersion& version);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_PYTHON_VERSION_H_

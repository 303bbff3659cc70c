// A foreign ELF file under a made-up stack: whatever its headers, unwind tables
// and symbols say, unwinding ends, within its bounds. The file is the fuzzer's
// own program, damaged by a list of {offset u32, byte u8}, so that its
// .eh_frame is there to be broken; an input that begins with an odd byte is the
// file.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "agent/native/unwinder.h"

namespace {

using namespace plimsoll;  // NOLINT: a fuzzer's own file

constexpr uint64_t kBase = 0x10000000;
constexpr uint64_t kStack = 0x7fff0000;

// Small enough to damage in useful places.
std::string ValidFile() {
  std::ifstream in("/bin/true", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

UniqueFd FileOf(const std::string& bytes) {
  UniqueFd fd(::memfd_create("elf", MFD_CLOEXEC));
  if (!fd.valid() || ::write(fd.get(), bytes.data(), bytes.size()) !=
                         static_cast<ssize_t>(bytes.size())) {
    std::abort();
  }
  return fd;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string valid = ValidFile();
  if (size < 4) return 0;
  std::string bytes(reinterpret_cast<const char*>(data + 4), size - 4);
  if (data[0] % 2 == 0) {
    bytes = valid;
    for (size_t i = 4; i + 5 <= size; i += 5) {
      uint32_t at;
      std::memcpy(&at, data + i, sizeof(at));
      bytes[at % bytes.size()] = static_cast<char>(data[i + 4]);
    }
  }
  core::Mapping text;
  text.start = kBase;
  text.end = kBase + 0x20000;
  text.inode = 1;
  text.executable = true;
  text.path = "/lib/libfoo.so";
  auto unwinder = native::Unwinder::Make(
      {text}, [&](const core::Mapping&) -> absl::StatusOr<UniqueFd> {
        return FileOf(bytes);
      });
  if (!unwinder.ok()) std::abort();
  for (uint32_t i = 0; i < 4; ++i) {
    core::NativeSnapshot s;
    s.registers[core::kStackPointer] = kStack;
    s.registers[6] = kStack + 64;
    s.registers[core::kInstructionPointer] =
        kBase + ((data[1] | data[2] << 8) + i * 0x1001) % 0x20000;
    for (uint64_t word = 0; word < 64; ++word) {
      const uint64_t value = word % 3 == 0 ? kStack + 8 * word
                                           : kBase + (word * 977 + i) % 0x20000;
      s.stack.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    if (unwinder->Unwind(s).frames.size() > native::kMostNativeFrames) {
      std::abort();
    }
  }
  return 0;
}

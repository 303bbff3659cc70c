// Any bytes as the start of _PyRuntime, as each minor that has debug offsets:
// what is taken from them must be an offset within a struct.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "agent/python/debug_offsets.h"

namespace {

constexpr uint64_t kRuntime = 0x10000;

class Bytes final : public plimsoll::core::MemorySource {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  size_t Read(uint64_t address, std::span<std::byte> out) const override {
    if (address < kRuntime || address - kRuntime >= size_) return 0;
    const size_t n = std::min(out.size(), size_ - (address - kRuntime));
    std::memcpy(out.data(), data_ + (address - kRuntime), n);
    return n;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll;
  const Bytes memory(data, size);
  for (int minor = 13; minor <= python::kNewestMinor; ++minor) {
    python::VersionLayout layout = python::LayoutOfMinor(minor);
    const auto status = python::ApplyDebugOffsets(
        memory, kRuntime, {.major = 3, .minor = minor, .micro = 0}, layout);
    if (!status.ok()) continue;
    for (const int32_t offset :
         {layout.interpreter_gc, layout.interpreter_gil, layout.gil_last_holder,
          layout.interpreter_next, layout.frames.tstate_status,
          layout.frames.frame_code, layout.frames.frame_owner,
          layout.code.linetable, layout.objects.unicode_ascii_data}) {
      if (offset < 0 || offset > 1 << 20) std::abort();
    }
  }
  return 0;
}

// Column bytes as a damaged database gives them; and what decodes must encode
// to something that decodes to the same.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "collector/store/chunk_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll::collector::store;
  if (size < 2) return 0;
  size_t count = static_cast<size_t>(data[0]) << 4 | (data[1] & 15);
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  auto times = DecodeTimes(bytes, count);
  if (times.ok()) {
    auto again = DecodeTimes(EncodeTimes(*times), count);
    if (!again.ok() || *again != *times) std::abort();
  }
  auto values = DecodeValues(bytes, count);
  if (!values.ok()) return 0;
  auto again = DecodeValues(EncodeValues(*values), count);
  if (!again.ok()) std::abort();
  for (size_t i = 0; i < count; ++i) {
    if (std::bit_cast<uint64_t>((*again)[i]) !=
        std::bit_cast<uint64_t>((*values)[i])) {
      std::abort();
    }
  }
  return 0;
}

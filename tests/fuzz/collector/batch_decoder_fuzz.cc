// Bytes as an agent sends them.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "collector/rpc/batch_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto batch = plimsoll::collector::rpc::DecodeBatch(bytes);
  // Views must be readable.
  size_t seen = 0;
  if (batch.ok()) {
    for (const auto& snapshot : batch->snapshots) {
      for (const auto& value : snapshot.values) {
        seen += value.metric.size() + value.label.size();
        if (!value.label.empty()) seen += value.label.back() == 'x';
      }
    }
  }
  if (seen == SIZE_MAX) return 1;
  plimsoll::collector::rpc::PeekSeq(bytes);
  return 0;
}

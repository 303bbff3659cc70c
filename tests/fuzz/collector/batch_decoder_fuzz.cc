// Bytes as an agent sends them: any, or a batch of every tier that is damaged.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "collector/rpc/batch_decoder.h"
#include "tests/support/fuzz_input.h"
#include "tests/support/golden_batch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string valid =
      plimsoll::testing::Encode(plimsoll::testing::GoldenBatch(3));
  const std::string bytes =
      plimsoll::testing::ValidButDamaged(valid, data, size);
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

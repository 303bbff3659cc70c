// A message of an agent, any bytes or one of every tier that is damaged, in
// which strings are cleaned: what was repaired must parse, and stay so.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "collector/rpc/text_repair.h"
#include "plimsoll/v1/stream.pb.h"
#include "tests/support/fuzz_input.h"
#include "tests/support/golden_batch.h"

namespace {

using ::plimsoll::collector::rpc::ParseRepaired;
using ::plimsoll::v1::NodeMessage;

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string valid =
      plimsoll::testing::Encode(plimsoll::testing::GoldenBatch(3));
  const std::string bytes =
      plimsoll::testing::ValidButDamaged(valid, data, size);
  const std::string before = bytes;
  NodeMessage message;
  const int64_t changed = ParseRepaired(bytes, &message);
  Check(bytes == before);  // a copy is cleaned
  Check(changed >= -1);
  NodeMessage as_it_is;
  Check(as_it_is.ParseFromString(bytes) == (changed == 0));
  if (changed < 0) return 0;
  NodeMessage again;
  Check(ParseRepaired(message.SerializeAsString(), &again) == 0);
  return 0;
}

// A segment of the spool after a crash, or on a bad disk: any bytes, or records
// that were good before.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/export/spool_record.h"
#include "tests/support/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::exporter::DecodeRecord;
  using plimsoll::exporter::EncodeRecord;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string record = EncodeRecord(size, input);
  const auto whole = DecodeRecord(record);
  if (!whole || whole->seq != size || whole->payload != input) std::abort();

  const std::string good = EncodeRecord(7, "a batch") + EncodeRecord(8, "");
  const std::string segment =
      plimsoll::testing::ValidButDamaged(good, data, size);
  std::string_view bytes = segment;
  while (auto found = DecodeRecord(bytes)) {
    // What decodes encodes to the same bytes: nothing is read past its end.
    if (EncodeRecord(found->seq, found->payload) !=
        bytes.substr(0, found->size_bytes())) {
      std::abort();
    }
    bytes.remove_prefix(found->size_bytes());
  }
  return 0;
}

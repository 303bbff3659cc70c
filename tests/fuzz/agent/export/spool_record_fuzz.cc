// A segment of the spool after a crash, or on a bad disk: any bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/export/spool_record.h"

using namespace plimsoll;  // NOLINT: a fuzzer is one function

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  while (auto record = exporter::DecodeRecord(bytes)) {
    // What decodes encodes to the same bytes: nothing is read past its end.
    if (exporter::EncodeRecord(record->seq, record->payload) !=
        bytes.substr(0, record->size_bytes())) {
      __builtin_trap();
    }
    bytes.remove_prefix(record->size_bytes());
  }
  return 0;
}

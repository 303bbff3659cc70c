// An incident's row of a damaged database; what decodes encodes to the same
// incident. Seeds: tests/fuzz/corpus/incident_json.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collector/core/incident/incident_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::collector::DecodeIncident;
  using plimsoll::collector::EncodeIncident;
  const auto incident = DecodeIncident(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!incident.ok()) return 0;
  const std::string text = EncodeIncident(*incident);
  const auto again = DecodeIncident(text);
  if (!again.ok() || EncodeIncident(*again) != text) std::abort();
  (void)plimsoll::collector::ToRecord(*incident);
  return 0;
}

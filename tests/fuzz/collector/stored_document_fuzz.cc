// A document's column of a damaged database: as compressed bytes, and as the
// JSON of a stack profile. Seeds: tests/fuzz/corpus/stored_document.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "collector/store/sqlite.h"
#include "collector/store/store_impl.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll::collector;
  constexpr size_t kMaxBytes = 1 << 20;
  const auto plain = store::Decompress(data, size, kMaxBytes);
  if (plain.ok() && plain->size() > kMaxBytes) std::abort();
  StoredDocument document;
  document.json.assign(reinterpret_cast<const char*>(data), size);
  (void)store::ParseStacks(document);
  return 0;
}

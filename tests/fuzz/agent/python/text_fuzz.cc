// Any bytes as a note section, a USDT argument, /proc/PID/maps and code.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "agent/python/elf_note.h"
#include "agent/python/process_files.h"
#include "agent/python/prologue.h"
#include "agent/python/remote_values.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll::python;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  VisitNotes(text, [](std::string_view, uint32_t, std::string_view) {});
  (void)ParseFirstUsdtArgument(text);
  (void)ParseMaps(text);
  (void)CleanUtf8(text);
  (void)ChooseProbeSite(std::span(data, size), 2);
  return 0;
}

// A runtime that is not what its file says: each read gives the input's next
// bytes. The first byte picks the version.
#include <cstddef>
#include <cstdint>

#include "agent/heap/gc_state.h"
#include "agent/python/interpreter_binary.h"
#include "agent/python/runtime_state.h"
#include "tests/support/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  plimsoll::python::InterpreterBinary binary;
  binary.build.version = {3, 7 + data[0] % 7, 3};
  binary.runtime = 0x10000;
  binary.type_type = 0x20000;
  binary.code_type = 0x30000;
  binary.unicode_type = 0x40000;
  binary.dict_type = 0x50000;
  binary.object_allocator = 0x60000;
  binary.raw_allocator = 0x70000;
  const plimsoll::testing::StreamMemory memory(data + 1, size - 1);
  const auto python =
      plimsoll::python::ResolveRuntime(binary, 0x7f0000000000, memory);
  const plimsoll::testing::StreamMemory again(data + 1, size - 1);
  plimsoll::core::GcLayout layout;
  layout.state_address = 0x80000;
  layout.enabled = 8;
  layout.generations = 16;
  layout.generation_stride = 24;
  layout.generation_stats = 112;
  (void)plimsoll::heap::ReadGcState(again, python.ok() ? python->gc : layout);
  return 0;
}

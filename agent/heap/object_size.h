// How many bytes an object has, by its type and its own words: what its
// __sizeof__ says without buffers elsewhere. Sources: PyTypeObject's
// tp_basicsize and tp_itemsize; Objects/unicodeobject.c; Objects/longobject.c
// (from 3.12 lv_tag >> 3 digits).
//
// Pure; threads: any.
#ifndef PLIMSOLL_AGENT_HEAP_OBJECT_SIZE_H_
#define PLIMSOLL_AGENT_HEAP_OBJECT_SIZE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/core/python_layout.h"
#include "agent/heap/type_table.h"

namespace plimsoll::heap {

struct ObjectSize {
  uint64_t bytes = 0;     // 0: makes no sense
  bool at_least = false;  // generators: their frame's size is in their code
};

class ObjectSizes {
 public:
  explicit ObjectSizes(const core::PythonProcess& python)
      : layout_(python.objects), minor_(python.build.version.minor) {}

  // `bytes` begins with the object.
  ObjectSize Of(const TypeObject& type, std::span<const std::byte> bytes) const;

 private:
  uint64_t OfText(const TypeObject& type,
                  std::span<const std::byte> bytes) const;

  const core::ObjectLayout layout_;
  const int minor_;
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_OBJECT_SIZE_H_

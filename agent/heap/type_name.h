// The full name of a type, module.QualName as Python itself would print it:
// a heap type by tp_dict['__module__'] and ht_qualname (struct
// _heaptypeobject), a static type by its tp_name, which holds the module when
// it is not builtins. Builtins are bare. Where a heap type's dict cannot be
// read, the name is ht_qualname or, failing that, tp_name, with no module.
//
// Pure; bounded; everything read is untrusted. One owner, one thread.
#ifndef PLIMSOLL_AGENT_HEAP_TYPE_NAME_H_
#define PLIMSOLL_AGENT_HEAP_TYPE_NAME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "agent/core/ports.h"
#include "agent/heap/type_table.h"

namespace plimsoll::heap {

class TypeNamer {
 public:
  // Keys read in search of "__module__", by all calls; past it names have no
  // module. Real classes mostly share one such key.
  static constexpr int64_t kMostLooks = 1 << 17;

  TypeNamer(const core::MemorySource& memory, const core::ObjectLayout& layout)
      : memory_(memory), layout_(layout) {}
  std::string NameOf(const TypeObject& type);

 private:
  std::optional<std::string> ModuleOf(uint64_t dict_address);
  bool IsModuleKey(uint64_t address);

  const core::MemorySource& memory_;
  const core::ObjectLayout& layout_;
  // "__module__" is interned: once seen, its address is enough.
  uint64_t module_key_ = 0;
  int64_t looks_ = 0;
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_TYPE_NAME_H_

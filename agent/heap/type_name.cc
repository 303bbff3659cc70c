#include "agent/heap/type_name.h"

#include "agent/heap/dict_entries.h"
#include "agent/heap/python_string.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr uint64_t kFlagHeapType = uint64_t{1} << 9;  // Py_TPFLAGS_HEAPTYPE
// A class body sets __module__ first; a type made by C code sets it last, after
// its slots and methods.
constexpr size_t kMostEntries = 512;
constexpr std::string_view kBuiltins = "builtins";

}  // namespace

std::string TypeNamer::NameOf(const TypeObject& type) {
  if (!(type.flags & kFlagHeapType)) {
    const std::string prefix = std::string(kBuiltins) + ".";
    return type.tp_name.starts_with(prefix) ? type.tp_name.substr(prefix.size())
                                            : type.tp_name;
  }
  std::optional<std::string> qualname;
  if (layout_.ht_qualname >= 0) {
    const auto at = ReadValue<uint64_t>(
        memory_, type.address + static_cast<uint64_t>(layout_.ht_qualname));
    if (at) qualname = ReadStr(memory_, layout_, *at);
  }
  if (!qualname) return type.tp_name;
  std::optional<std::string> module;
  if (layout_.tp_dict >= 0) {
    const auto dict = ReadValue<uint64_t>(
        memory_, type.address + static_cast<uint64_t>(layout_.tp_dict));
    if (dict) module = ModuleOf(*dict);
  }
  if (!module || *module == kBuiltins) return *qualname;
  return *module + "." + *qualname;
}

std::optional<std::string> TypeNamer::ModuleOf(uint64_t dict_address) {
  const auto entries =
      ReadDictEntries(memory_, layout_, dict_address, kMostEntries);
  for (const DictEntry& entry : entries) {
    if (entry.key == module_key_) {
      return ReadStr(memory_, layout_, entry.value);
    }
  }
  for (const DictEntry& entry : entries) {
    if (++looks_ > kMostLooks) return std::nullopt;
    if (IsModuleKey(entry.key)) {
      module_key_ = entry.key;
      return ReadStr(memory_, layout_, entry.value);
    }
  }
  return std::nullopt;
}

bool TypeNamer::IsModuleKey(uint64_t address) {
  const auto key = ReadStr(memory_, layout_, address);
  return key && *key == "__module__";
}

}  // namespace plimsoll::heap

// Whose a type or a file is: the application's, a library's or the
// interpreter's. What people can act on is named first. Pure, any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_NAMES_H_
#define PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_NAMES_H_

#include <string>
#include <string_view>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

enum class Origin : uint8_t { kApplication, kLibrary, kBuiltin };

// "module.QualName" -> by its module; bare names are builtins.
Origin TypeOrigin(std::string_view type);
// Of a coroutine: code that was begun and waits, most likely the application's.
inline bool IsSuspendedCode(std::string_view type) {
  return type == "coroutine" || type == "async_generator";
}

// By its path: site-packages, dist-packages, lib/pythonX.Y, "<frozen ...>".
Origin FrameOrigin(const Frame& frame);

// How closely the code is known that a row of native memory begins with:
// "line", "function" or "module"; "" of other rows.
std::string_view KnownTo(const StackEvidence& row);

// The tail of a path that means something to its readers: after site-packages
// or lib/pythonX.Y, else the file and its directory.
std::string ShortPath(std::string_view path);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_NAMES_H_

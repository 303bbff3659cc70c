// From snapshots of native growth to rows that people read: the native frames
// that asked for the memory, above them the Python code that called these.
//
// Left out are the frames inside (libc's malloc, C++'s operator new, an
// allocator of the interpreter that passes on to it) and those of the
// interpreter between native code and the Python frame that it runs. Where the
// interpreter itself asked, the Python frames are all there is.
//
// Pure; any thread.
#ifndef PLIMSOLL_AGENT_CORE_NATIVE_ROWS_H_
#define PLIMSOLL_AGENT_CORE_NATIVE_ROWS_H_

#include <string>
#include <vector>

#include "agent/core/native_stack.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::core {

// `interpreter`: the base name of the file that it is in.
Stack JoinStacks(const NativeStack& native, const Stack& python,
                 const std::string& interpreter);

// profile.stacks are Python's, named, each beside its snapshot, which
// `native` has unwound. Rows that are equal then are one.
void JoinNative(const std::vector<NativeStack>& native,
                const std::string& interpreter, StackProfile& profile);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_NATIVE_ROWS_H_

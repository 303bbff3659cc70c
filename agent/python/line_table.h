// CPython's three formats of the table from instructions to lines.
//
//   kLnotab   up to 3.9   pairs {byte delta u8, line delta s8}
//                         (Objects/lnotab_notes.txt, PyCode_Addr2Line)
//   kPep626   3.10        pairs {range length u8, line delta s8; -128: none}
//   kPep657   from 3.11   entries of 4-bit codes and varints
//                         (Objects/locations.md, InternalDocs/code_objects.md)
//
// Pure parsing of foreign bytes: one pass over the table, no allocation, any
// input gives an answer. Any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_LINE_TABLE_H_
#define PLIMSOLL_AGENT_PYTHON_LINE_TABLE_H_

#include <cstdint>
#include <string_view>

#include "agent/core/python_layout.h"

namespace plimsoll::python {

// The line of the instruction at `offset` bytes into the code; `first_line`
// when the offset is negative (a frame that has not begun); 0 when the table
// says none or does not reach that far.
int32_t LineAt(core::CodeLayout::LineTable format, std::string_view table,
               int32_t first_line, int32_t offset);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_LINE_TABLE_H_

// Which word of an object is written once per birth, so that a hardware
// watchpoint on it sees births and little else. Pure.
//
//   instances of classes, str, bytes, int, set, generators, ...: ob_type.
//     Every allocation writes it (_PyObject_Init, PyType_GenericAlloc; the
//     latter clears the object first, a second hit per birth).
//   tuple, list, dict, float, method, slice, and from 3.14 on int: their free
//     lists keep ob_type, so that a reborn object does not write it. Watched is
//     a payload word: the second item of a tuple (the first, where there may
//     be one alone: the free list writes it too), ob_item, ma_keys, ob_fval,
//     ... (Objects/{tuple,list,dict,float,long,class}object.c, 3.7-3.15).
//     ob_item and ma_keys are written again when the container grows; the
//     collector does not know an object that is being born yet (_gc_next is
//     NULL, 3.8 and later), which tells the two apart.
//   iterators, ranges, contexts, ...: free lists as well; refused.
#ifndef PLIMSOLL_AGENT_CORE_BIRTH_WORD_H_
#define PLIMSOLL_AGENT_CORE_BIRTH_WORD_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "agent/core/birth_look.h"
#include "agent/core/python_layout.h"

namespace plimsoll::core {

struct BirthWord {
  uint32_t watched = 0;  // distance from the block's start
  uint32_t type = 0;     // of ob_type
  // Of _gc_next. kAbsent: growth and birth of the object look the same.
  int32_t gc_next = kAbsent;
  bool is_type() const { return watched == type; }
};

// kUnimplemented: births of such objects cannot be watched, with the reason.
absl::StatusOr<BirthWord> FindBirthWord(const BirthSurvey& survey,
                                        const BlockClass& blocks,
                                        const PythonProcess& python);

// Of one size and place of the object, of one allocator.
inline bool SameClass(const BlockClass& a, const BlockClass& b) {
  return a.block_bytes == b.block_bytes && a.most_bytes == b.most_bytes &&
         a.object_offset == b.object_offset;
}

// The later survey, with the classes that grew since the earlier one and their
// growth in place of their objects; all of them as they are where none grew.
// What is drawn from the classes by these numbers is drawn by their growth.
BirthSurvey SurveyOfGrowth(const BirthSurvey& earlier, BirthSurvey later);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_BIRTH_WORD_H_

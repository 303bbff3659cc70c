// What the birth watch asks of a heap, and what it is told: plain values. The
// watch looks at single blocks ahead of the allocator; agent/heap finds them
// (birth_spots.h), behind core::Inspector.
#ifndef PLIMSOLL_AGENT_CORE_BIRTH_LOOK_H_
#define PLIMSOLL_AGENT_CORE_BIRTH_LOOK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::core {

// The blocks that hold live objects of one type: of one size class, with the
// object at one distance from the block's start.
struct BlockClass {
  int32_t block_bytes = 0;
  uint32_t object_offset = 0;
  int64_t objects = 0;
  // The header in `usedpools` from which the class' pools with free blocks
  // hang: where the allocator takes its next block. 0: no pool leads there.
  uint64_t list_head = 0;
  friend bool operator==(const BlockClass&, const BlockClass&) = default;
};

struct BirthSurvey {
  uint64_t type_address = 0;
  std::string tp_name;  // as in the type object: a static type's full name
  uint64_t type_flags = 0;
  std::vector<BlockClass> classes;  // most objects first
};

// A block that the allocator will hand out after `ahead` others of its class.
struct SpotWish {
  int32_t block_bytes = 0;
  uint64_t list_head = 0;
  int64_t ahead = 0;
};

struct BirthSpot {
  uint64_t block = 0;  // 0: there is none now
  // As found: less than wished where fewer free blocks are known.
  int64_t ahead = 0;
};

struct BlockQuestion {
  uint64_t block = 0;
  int32_t block_bytes = 0;
  uint32_t object_offset = 0;
};

struct BlockState {
  bool in_pool = false;       // still a block of a pool of that size class
  bool handed_out = false;    // and not free
  bool referenced = false;    // the word where ob_refcnt stands is a live count
  uint64_t type_address = 0;  // the word where ob_type stands
};

struct BirthLook {
  uint64_t survey_type = 0;  // 0: no survey. It reads the whole heap
  std::vector<SpotWish> wishes;
  std::vector<BlockQuestion> blocks;
};

struct BirthFindings {
  std::optional<BirthSurvey> survey;
  std::vector<BirthSpot> spots;    // one for each wish
  std::vector<BlockState> blocks;  // one for each question
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_BIRTH_LOOK_H_

// What the birth watch asks of a heap, and what it is told: plain values. The
// watch looks at single blocks ahead of the allocator; agent/heap finds them
// (birth_spots.h, chunk_spots.h), behind core::Inspector.
//
// A block is pymalloc's, of one size, or a chunk of glibc's malloc, of a range
// of sizes with its head: then most_bytes is not 0.
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
  int32_t most_bytes = 0;  // chunks of block_bytes up to this; 0: of a pool
  int32_t step_bytes = 0;  // of chunks, the size that most of them have
  friend bool operator==(const BlockClass&, const BlockClass&) = default;
};

// Where malloc takes chunks from.
struct ChunkSource {
  enum class Kind : uint8_t {
    kNone = 0,   // a pool's list
    kCache = 1,  // a thread's cache: the chunk it handed back last
    kTop = 2,    // the end of an arena's heap
    kBins = 3,   // what is free in an arena
  };
  Kind kind = Kind::kNone;
  uint64_t address = 0;  // of the cache or the arena
  friend bool operator==(const ChunkSource&, const ChunkSource&) = default;
};

struct BirthSurvey {
  uint64_t type_address = 0;
  std::string tp_name;  // as in the type object: a static type's full name
  uint64_t type_flags = 0;
  std::vector<BlockClass> classes;  // most objects first
  // Of chunks only: where they come from, and the addresses of malloc's code.
  std::vector<ChunkSource> sources;
  uint64_t malloc_begin = 0;
  uint64_t malloc_end = 0;
};

// A block that the allocator will hand out after `ahead` others of its class.
struct SpotWish {
  int32_t block_bytes = 0;
  uint64_t list_head = 0;
  int64_t ahead = 0;
  int32_t most_bytes = 0;
  int32_t step_bytes = 0;
  ChunkSource source = {};  // in place of list_head
};

struct BirthSpot {
  uint64_t block = 0;  // 0: there is none now
  // As found: less than wished where fewer free blocks are known.
  int64_t ahead = 0;
  // Of a chunk that is free as a whole: its size, and the word that marks what
  // lies in a cache. 0: not known.
  int64_t chunk_bytes = 0;
  uint64_t cache_mark = 0;
  // Of a chunk: its size word and, where chunk_bytes is known, the next one's.
  uint64_t head = 0;
  uint64_t next_head = 0;
};

struct BlockQuestion {
  uint64_t block = 0;
  int32_t block_bytes = 0;
  uint32_t object_offset = 0;
  int32_t most_bytes = 0;
  uint64_t arena = 0;  // whose top the chunk was found behind; 0: not there
  uint64_t cache_mark = 0;
};

struct BlockState {
  bool in_pool = false;       // still a block of a pool of that size class, or
                              // a chunk of such a size, or none yet
  bool handed_out = false;    // and not free
  bool referenced = false;    // the word where ob_refcnt stands is a live count
  uint64_t type_address = 0;  // the word where ob_type stands
  int64_t chunk_bytes = 0;
};

struct BirthLook {
  uint64_t survey_type = 0;  // 0: no survey. It reads the whole heap
  // Of malloc's chunks as well: those with the type or, without one, all.
  bool survey_chunks = false;
  std::vector<SpotWish> wishes;
  std::vector<BlockQuestion> blocks;
};

struct BirthFindings {
  std::optional<BirthSurvey> survey;
  // Absent beside a survey of pools: malloc is not one that can be looked at.
  std::optional<BirthSurvey> chunk_survey;
  std::vector<BirthSpot> spots;    // one for each wish
  std::vector<BlockState> blocks;  // one for each question
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_BIRTH_LOOK_H_

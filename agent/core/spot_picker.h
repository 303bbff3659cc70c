// Which free block the birth watch asks for next: of which class, by how much
// each grows; from which of the allocator's places, by what they have given so
// far; and how far ahead of the allocator, so that the watch stands before the
// block is handed out, and not long before.
//
// Pure. One owner, one thread.
#ifndef PLIMSOLL_AGENT_CORE_SPOT_PICKER_H_
#define PLIMSOLL_AGENT_CORE_SPOT_PICKER_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "agent/core/birth_look.h"

namespace plimsoll::core {

class SpotPicker {
 public:
  struct Pick {
    size_t in_class = 0;
    size_t source = 0;
  };

  // `classes` is not empty. `sources` is empty for pools: each class has its
  // list. Chunks of a class are picked by the bytes that they grow by, blocks
  // of pools by their number.
  SpotPicker(std::vector<BlockClass> classes, std::vector<ChunkSource> sources,
             double objects_per_s, uint64_t seed);

  Pick Next();
  SpotWish WishFor(const Pick& pick);
  const BlockClass& class_of(const Pick& pick) const {
    return classes_[pick.in_class];
  }
  const ChunkSource& source_of(const Pick& pick) const {
    return sources_[pick.source];
  }

  // What became of it.
  void Late(const Pick& pick);  // handed out before it was watched
  void Reached(const Pick& pick);
  void Busy(const Pick& pick);  // it came and went and was never kept
  void NotReached(const Pick& pick);
  void NotThere(const Pick& pick);  // no such block is free
  // The allocator went on, and no block begins there.
  void PassedOver(const Pick& pick);

 private:
  struct Place {
    double weight = 1;
    int64_t ahead = 1;
  };
  Place& PlaceOf(const Pick& pick) {
    return places_[pick.in_class * sources_.size() + pick.source];
  }
  bool Offers(size_t source, const BlockClass& blocks) const;

  const std::vector<BlockClass> classes_;
  const std::vector<ChunkSource> sources_;  // at least one
  std::vector<Place> places_;               // by class, then by source
  std::mt19937_64 random_;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_SPOT_PICKER_H_

#include "agent/core/spot_picker.h"

#include <algorithm>
#include <utility>

namespace plimsoll::core {
namespace {

// Between finding a spot and watching it lie a system call per thread and a
// question to the inspector.
constexpr double kLeadS = 0.02;
// Where chunks of several sizes are cut, only the next one's place is certain.
constexpr double kChunkLeadS = 0.005;
constexpr int64_t kFarthestAhead = 1 << 20;
constexpr double kLeastWeight = 1.0 / 256;
constexpr int32_t kLargestCachedChunk = 1040;

std::vector<ChunkSource> AtLeastOne(std::vector<ChunkSource> sources) {
  if (sources.empty()) sources.emplace_back();
  return sources;
}

}  // namespace

SpotPicker::SpotPicker(std::vector<BlockClass> classes,
                       std::vector<ChunkSource> sources, double objects_per_s,
                       uint64_t seed)
    : classes_(std::move(classes)),
      sources_(AtLeastOne(std::move(sources))),
      random_(seed) {
  for (const BlockClass& blocks : classes_) {
    const bool chunks = blocks.most_bytes != 0;
    const double lead_s = chunks ? kChunkLeadS : kLeadS;
    Place place;
    place.ahead = std::clamp<int64_t>(
        static_cast<int64_t>(
            std::min(objects_per_s * lead_s, double{kFarthestAhead})),
        chunks ? 0 : 1, kFarthestAhead);
    places_.insert(places_.end(), sources_.size(), place);
  }
}

bool SpotPicker::Offers(size_t source, const BlockClass& blocks) const {
  return sources_[source].kind != ChunkSource::Kind::kCache ||
         blocks.block_bytes <= kLargestCachedChunk;
}

SpotPicker::Pick SpotPicker::Next() {
  const auto one_of = [this](const std::vector<double>& weights) {
    if (std::none_of(weights.begin(), weights.end(),
                     [](double weight) { return weight > 0; })) {
      return size_t{0};
    }
    std::discrete_distribution<size_t> by(weights.begin(), weights.end());
    return by(random_);
  };
  std::vector<double> growth;
  for (const BlockClass& c : classes_) {
    growth.push_back(static_cast<double>(std::max<int64_t>(c.objects, 0)) *
                     (c.most_bytes != 0 ? c.step_bytes : 1));
  }
  Pick pick;
  pick.in_class = one_of(growth);
  std::vector<double> weights;
  for (size_t i = 0; i < sources_.size(); ++i) {
    weights.push_back(
        Offers(i, class_of(pick)) ? PlaceOf({pick.in_class, i}).weight : 0);
  }
  pick.source = one_of(weights);
  return pick;
}

SpotWish SpotPicker::WishFor(const Pick& pick) {
  const BlockClass& blocks = class_of(pick);
  const int64_t ahead = PlaceOf(pick).ahead;
  // Spread, so that a pattern in the allocations does not meet the same site.
  const bool next_one = blocks.most_bytes != 0 && ahead == 0;
  std::uniform_int_distribution<int64_t> spread(ahead,
                                                next_one ? 0 : 2 * ahead + 2);
  return {.block_bytes = blocks.block_bytes,
          .list_head = blocks.list_head,
          .ahead = spread(random_),
          .most_bytes = blocks.most_bytes,
          .step_bytes = blocks.step_bytes,
          .source = source_of(pick)};
}

void SpotPicker::Late(const Pick& pick) {
  Busy(pick);
  PlaceOf(pick).weight = 1;
}

void SpotPicker::Reached(const Pick& pick) { PlaceOf(pick).weight = 1; }

void SpotPicker::Busy(const Pick& pick) {
  // What is kept comes from behind it.
  Place& place = PlaceOf(pick);
  place.ahead = std::min(2 * place.ahead + 1, kFarthestAhead);
}

void SpotPicker::NotReached(const Pick& pick) {
  Place& place = PlaceOf(pick);
  // Spots nearer to the allocator are reached sooner.
  place.ahead /= 2;
  place.weight = std::max(place.weight / 2, kLeastWeight);
}

void SpotPicker::PassedOver(const Pick& pick) { PlaceOf(pick).ahead /= 2; }

void SpotPicker::NotThere(const Pick& pick) {
  Place& place = PlaceOf(pick);
  place.weight = std::max(place.weight / 2, kLeastWeight);
}

}  // namespace plimsoll::core

// Live bytes by type of one process, looked at now and then: which types have
// more than they had some hours ago. It spares all others their history: of
// hundreds of types few rise. 16 bytes a type. Plain; not thread-safe.
#ifndef PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_SCREEN_H_
#define PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_SCREEN_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::collector {

// Type names with bytes.
using BytesByType = std::vector<std::pair<std::string, double>>;

class TypeScreen {
 public:
  // Levels of so long ago are forgotten: what filled once is no news.
  static constexpr int64_t kLevelsNs = 6 * 3600'000'000'000;

  // Of one census: what each type that rose has gained since the level that it
  // had six to twelve hours ago, or when it was first looked at. A type that
  // was in no census before counts from zero.
  BytesByType Add(int64_t now_ns, const BytesByType& census);
  size_t types() const { return levels_.size(); }  // of the newest census

 private:
  struct Level {
    uint64_t name_hash = 0;
    float before = 0, since = 0;  // bytes: of the levels before, of the last
  };
  const Level* Find(uint64_t name_hash) const;

  std::vector<Level> levels_;  // sorted by hash
  int64_t levels_ns_ = 0;      // when the last ones were taken
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_SCREEN_H_

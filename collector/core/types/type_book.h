// The types whose live bytes rise in a workload, and each of its lives by them:
// what LifeBook has of its memory. All types of its live processes are looked
// at each half hour; those that rose most keep their history, which is read
// from the FleetReader when they are chosen and then as it comes. Not
// thread-safe.
#ifndef PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_BOOK_H_
#define PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_BOOK_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/history/life_book.h"
#include "collector/core/types/type_screen.h"

namespace plimsoll::collector {

// One type: lives[i] is WorkloadLives' lives[i] by its bytes, without blocks
// where no census named it.
struct TypeLives {
  std::string type;
  std::vector<WorkloadLife> lives;

  struct Source {
    ProcessKey process = 0;
    LifeLog log;
    int64_t read_to_ns = 0;
  };
  std::vector<Source> sources;  // of `lives`
};

class TypeBook {
 public:
  static constexpr int64_t kScreenNs = 1800'000'000'000;
  static constexpr size_t kMostTypes = 12;  // of a workload
  // Of the limit: what gained less is not followed.
  static constexpr double kLeastGain = 0.0005;

  // After the book of lives. The first error of the reader; the others were
  // read. `assumed_limit_bytes`: where a process has none.
  absl::Status Update(const FleetReader& reader,
                      const std::map<WorkloadName, WorkloadLives>& workloads,
                      double assumed_limit_bytes, int64_t now_ns);
  // Of a workload; empty where none rises. Good until the next Update.
  const std::vector<TypeLives>& Of(const WorkloadName& workload) const;
  // Types that were looked at in the newest censuses of all live processes:
  // each of them would have been followed, had it risen.
  size_t screened() const;

 private:
  struct Workload {
    std::map<ProcessKey, TypeScreen> screens;
    std::vector<TypeLives> types;
    int64_t screened_ns = 0;
  };
  static absl::Status Screen(const FleetReader& reader,
                             const WorkloadLives& lives,
                             double assumed_limit_bytes, int64_t now_ns,
                             Workload& w);
  static absl::Status ReadType(const FleetReader& reader,
                               const WorkloadLives& lives, int64_t now_ns,
                               TypeLives& type);

  std::map<WorkloadName, Workload> workloads_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_BOOK_H_

// The part of the store that is in memory: who is known, and the samples that
// are not in chunks yet. Everything here is also on disk, as rows or as journal
// batches, and is rebuilt from them at start.
//
// Plain containers without locks: store_impl.h guards them. Elements never move
// (node-based maps), so that a plan may keep pointers while the lock is free.
// What is new is marked until its row was committed; after a failed commit the
// mark stays and the next one writes it again.
#ifndef PLIMSOLL_COLLECTOR_STORE_HEAD_H_
#define PLIMSOLL_COLLECTOR_STORE_HEAD_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collector/core/ingest/fleet_board.h"
#include "collector/store/chunk_codec.h"

namespace plimsoll::collector::store {

// Metric names and labels by number: a type name is stored once for the fleet.
class NameTable {
 public:
  uint32_t Intern(std::string_view text);
  std::optional<uint32_t> Find(std::string_view text) const;
  const std::string& Text(uint32_t id) const;
  void Load(uint32_t id, std::string text);
  const std::vector<uint32_t>& unsaved() const { return unsaved_; }
  void MarkSaved() { unsaved_.clear(); }

 private:
  std::deque<std::string> texts_{1};  // by id; id 0 is not used
  std::unordered_map<std::string_view, uint32_t> ids_;
  std::vector<uint32_t> unsaved_;
};

struct SeriesHead {
  int64_t id = 0;
  double total = 0;  // of increments, since the series began
  bool total_changed = false;
  ChunkBuilder chunk;
};

inline uint64_t SeriesKey(uint32_t metric, uint32_t label) {
  return static_cast<uint64_t>(metric) << 32 | label;
}

struct ProcessHead {
  ProcessState state;
  bool is_node = false;  // pid 0: holds the series of the node itself
  bool dirty = false;    // its row is to be written by the next transaction
  bool tiers_saved = true;
  bool seen_since_rollover = false;
  bool series_loaded = false;
  std::unordered_map<uint64_t, SeriesHead> series;
};

struct BootHead {
  int64_t offset_ns = 0;
};

struct StreamHead {
  int64_t id = 0;
  uint64_t next_seq = 0;
};

struct AgentHead {
  AgentState state;
  std::map<std::string, int64_t> losses;
};

struct Head {
  NameTable names;
  std::unordered_map<ProcessKey, ProcessHead> processes;
  std::unordered_map<std::string, ProcessKey> keys;  // by IdentityText
  std::unordered_map<std::string, BootHead> boots;   // by PairText
  std::unordered_map<std::string, StreamHead> streams;
  std::map<std::string, AgentHead> agents;
  ProcessKey next_process = 1;
  int64_t next_series = 1;
  int64_t next_stream = 1;
};

std::string PairText(std::string_view a, std::string_view b);
std::string IdentityText(std::string_view agent_id, const ProcessIdentity& id);

}  // namespace plimsoll::collector::store

#endif  // PLIMSOLL_COLLECTOR_STORE_HEAD_H_

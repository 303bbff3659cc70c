// Encodes one core::Snapshot into its proto, interning strings in the batch's
// table. Pure. Includes generated code: only agent/export and tests use it.
#ifndef PLIMSOLL_AGENT_EXPORT_SNAPSHOT_ENCODER_H_
#define PLIMSOLL_AGENT_EXPORT_SNAPSHOT_ENCODER_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "agent/core/snapshot.h"
#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::exporter {

// The string table of one Batch. [0] is the empty string.
class StringTable {
 public:
  explicit StringTable(v1::Batch& batch) : batch_(batch) { Intern(""); }
  uint32_t Intern(const std::string& text) {
    auto [at, fresh] = indices_.try_emplace(
        text, static_cast<uint32_t>(batch_.strings_size()));
    if (fresh) batch_.add_strings(text);
    return at->second;
  }

 private:
  v1::Batch& batch_;
  absl::flat_hash_map<std::string, uint32_t> indices_;
};

void EncodeProcessId(const core::ProcessId& id, const std::string& boot_id,
                     v1::ProcessId& out);
void EncodeTierStatus(const core::TierStatus& status, v1::TierStatus& out);

void EncodeSnapshot(const core::Snapshot& snapshot, const std::string& boot_id,
                    size_t max_types, StringTable& strings, v1::Snapshot& out);

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_SNAPSHOT_ENCODER_H_

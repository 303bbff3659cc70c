#include "collector/request_feed.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "collector/rpc/batch_decoder.h"
#include "collector/rpc/request_batch.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// An agent measures memory more often than this, and counts requests too.
constexpr int64_t kMeasuredNs = 120 * kSecond;
constexpr int64_t kCountedNs = 300 * kSecond;
constexpr int64_t kListAgainNs = 3 * kSecond;

// Whether its agent counts its requests: the newest counts are not ours.
bool IsCounted(const ProcessState& state, const std::string& source,
               int64_t now_ns) {
  for (const StoredDocument& document : state.latest) {
    if (document.kind != "requests") continue;
    if (now_ns - document.time_ns > kCountedNs) return false;
    const auto json = nlohmann::json::parse(document.json, nullptr, false);
    return json.is_object() &&
           json.value("reliable", nlohmann::json(false)) == true &&
           json.value("source", nlohmann::json("")) != source;
  }
  return false;
}

}  // namespace

std::vector<ProcessInfo> RequestFeed::Wanting(const std::set<std::string>& pods,
                                              int64_t now_ns) {
  if (now_ns - listed_at_ns_ >= kListAgainNs || now_ns < listed_at_ns_) {
    by_pod_.clear();
    listed_at_ns_ = now_ns;
    const auto all = store_->Processes(now_ns - kMeasuredNs);
    if (!all.ok()) return {};
    for (const ProcessInfo& process : *all) {
      if (process.exited || process.pod.empty() || process.pid == 0) continue;
      by_pod_[process.pod].push_back(process);
    }
  }
  std::vector<ProcessInfo> out;
  for (const std::string& pod : pods) {
    const auto known = by_pod_.find(pod);
    if (known == by_pod_.end()) continue;
    for (const ProcessInfo& process : known->second) {
      const auto state = store_->Process(process.key);
      if (!state.ok() || state->info.exited ||
          IsCounted(*state, source_, now_ns)) {
        continue;
      }
      // Our own counts make it seen; that it lives its memory says.
      const auto memory = store_->Read(process.key, {metric::kAnon, ""},
                                       now_ns - kMeasuredNs, now_ns + kSecond);
      if (memory.ok() && !memory->empty()) out.push_back(process);
    }
  }
  return out;
}

absl::Status RequestFeed::Deliver(const std::vector<ProcessRequests>& served,
                                  int64_t unix_ns) {
  std::map<std::pair<std::string, std::string>, std::vector<ProcessRequests>>
      by_boot;
  for (const ProcessRequests& one : served) {
    by_boot[{one.process.agent_id, one.process.boot_id}].push_back(one);
  }
  // Grows over restarts too, as the clock does.
  last_seq_ =
      std::max(last_seq_ + 1, static_cast<uint64_t>(unix_ns / 1'000'000));
  absl::Status first;
  for (auto& [boot, processes] : by_boot) {
    const auto offset_ns = store_->BootOffsetNs(boot.first, boot.second);
    if (!offset_ns) continue;  // nothing of that boot is known: it is gone
    rpc::RequestBatch batch{.seq = last_seq_,
                            .boot_id = boot.second,
                            .boottime_ns = unix_ns - *offset_ns,
                            .wall_offset_ns = *offset_ns,
                            .source = source_,
                            .processes = std::move(processes)};
    IncomingBatch incoming{
        boot.first, source_, rpc::EncodeRequestBatch(batch), {}};
    auto decoded = rpc::DecodeBatch(incoming.raw);
    if (!decoded.ok()) {
      first.Update(decoded.status());
      continue;
    }
    incoming.batch = *std::move(decoded);
    std::vector<IncomingBatch> batches;
    batches.push_back(std::move(incoming));
    first.Update(store_->Apply(batches));
  }
  return first;
}

}  // namespace plimsoll::collector

#include <algorithm>
#include <utility>

#include "collector/store/store_impl.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::store {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

void Refuse(plimsoll_drop_reason reason, BatchPlan* plan, int64_t count = 1) {
  plan->refused.emplace_back(reason, count);
}

template <typename T>
bool Change(T& have, const T& want) {
  if (have == want) return false;
  have = want;
  return true;
}

bool SameTiers(const std::vector<TierState>& a,
               const std::vector<TierState>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const TierState& x, const TierState& y) {
                      return x.tier == y.tier && x.ok == y.ok &&
                             x.reason == y.reason && x.rung == y.rung;
                    });
}

// A snapshot names only the tiers that changed.
bool MergeTiers(const std::vector<TierState>& changed,
                std::vector<TierState>* tiers) {
  std::vector<TierState> before = *tiers;
  for (const TierState& tier : changed) {
    auto have =
        std::find_if(tiers->begin(), tiers->end(),
                     [&](const TierState& t) { return t.tier == tier.tier; });
    if (have == tiers->end()) {
      tiers->push_back(tier);
    } else {
      *have = tier;
    }
  }
  return !SameTiers(before, *tiers);
}

}  // namespace

void Store::Impl::MarkDirty(ProcessHead* process) {
  if (!process->dirty) dirty_processes_.push_back(process);
  process->dirty = true;
}

std::optional<int64_t> Store::Impl::OffsetOf(const IncomingBatch& incoming,
                                             int64_t now_ns,
                                             plimsoll_drop_reason* why) {
  const NodeBatch& batch = incoming.batch;
  std::string key = PairText(incoming.agent_id, batch.boot_id);
  if (auto found = head_.boots.find(key); found != head_.boots.end()) {
    return found->second.offset_ns;
  }
  int64_t closed_ns = batch.boottime_ns + batch.wall_offset_ns;
  if (closed_ns > now_ns + options_.future_tolerance_ns) {
    *why = PLIMSOLL_DROP_FUTURE_TIMESTAMP;
    return std::nullopt;
  }
  if (closed_ns < now_ns - options_.retention_ns) {
    *why = PLIMSOLL_DROP_OLD_TIMESTAMP;
    return std::nullopt;
  }
  head_.boots[key].offset_ns = batch.wall_offset_ns;
  new_boots_.push_back(key);
  return batch.wall_offset_ns;
}

ProcessHead* Store::Impl::Resolve(const std::string& agent_id,
                                  const ProcessIdentity& id, int64_t time_ns) {
  auto [entry, is_new] =
      head_.keys.try_emplace(IdentityText(agent_id, id), head_.next_process);
  if (!is_new) return &head_.processes.at(entry->second);
  ProcessHead& process = head_.processes[head_.next_process];
  ProcessInfo& info = process.state.info;
  info.key = head_.next_process++;
  info.agent_id = agent_id;
  info.boot_id = id.boot_id;
  info.pid = id.pid;
  info.start_ticks = id.start_ticks;
  info.exec_seq = id.exec_seq;
  info.first_seen_ns = info.last_seen_ns = time_ns;
  process.is_node = id.pid == 0;
  process.series_loaded = true;
  MarkDirty(&process);
  return &process;
}

// The series of a process that was known before this start, from the file.
void Store::Impl::LoadSeries(ProcessHead* process) {
  process->series_loaded = true;
  absl::Status status = Guard("load series", [&] {
    SQLite::Statement query(
        *writer_,
        "SELECT id, metric, label, total FROM series WHERE process = ?");
    query.bind(1, process->state.info.key);
    while (query.executeStep()) {
      SeriesHead& series = process->series[SeriesKey(
          query.getColumn(1).getUInt(), query.getColumn(2).getUInt())];
      series.id = query.getColumn(0).getInt64();
      series.total = query.getColumn(3).getDouble();
      ++series_in_head_;
    }
  });
  // Without them new rows would break the uniqueness and fail the transaction,
  // which is then tried again; the next try loads them.
  if (!status.ok()) process->series_loaded = false;
}

SeriesHead* Store::Impl::ResolveSeries(ProcessHead* process,
                                       const NodeValue& value) {
  if (!process->series_loaded) LoadSeries(process);
  // A full process must not fill the table of names either.
  bool full = process->series.size() >= options_.max_series_per_process;
  auto metric = head_.names.Find(value.metric);
  auto label = head_.names.Find(value.label);
  if (full && (!metric || !label)) return nullptr;
  if (!metric) metric = head_.names.Intern(value.metric);
  if (!label) label = head_.names.Intern(value.label);
  uint64_t key = SeriesKey(*metric, *label);
  if (auto found = process->series.find(key); found != process->series.end()) {
    return &found->second;
  }
  if (full) return nullptr;
  SeriesHead& series = process->series[key];
  series.id = head_.next_series++;
  new_series_.emplace_back(process, key);
  ++series_in_head_;
  return &series;
}

void Store::Impl::Describe(const DescribedProcess& described,
                           ProcessHead* process) {
  ProcessInfo& info = process->state.info;
  const ProcessInfo& want = described.info;
  bool changed = Change(info.workload, want.workload);
  changed |= Change(info.region, want.region);
  changed |= Change(info.zone, want.zone);
  changed |= Change(info.version, want.version);
  changed |= Change(info.image_digest, want.image_digest);
  changed |= Change(info.node, want.node);
  changed |= Change(info.pod, want.pod);
  changed |= Change(info.container, want.container);
  changed |= Change(info.owner, want.owner);
  changed |= Change(info.command, want.command);
  changed |= Change(info.cgroup, want.cgroup);
  changed |= Change(info.parent_pid, want.parent_pid);
  changed |= Change(info.python_version, want.python_version);
  changed |= Change(info.python_refusal, want.python_refusal);
  changed |= Change(info.start_unix_ns, want.start_unix_ns);
  changed |= Change(process->state.build_id, described.build_id);
  changed |= Change(process->state.allocator, described.allocator);
  changed |= Change(process->state.object_path, described.object_path);
  if (changed) MarkDirty(process);
  if (MergeTiers(described.tiers, &process->state.tiers)) {
    process->tiers_saved = false;
    MarkDirty(process);
  }
}

void Store::Impl::PlanValues(const std::vector<NodeValue>& values,
                             int64_t time_ns, ProcessHead* process,
                             BatchPlan* plan) {
  int64_t over_limit = 0;
  for (const NodeValue& value : values) {
    SeriesHead* series = ResolveSeries(process, value);
    if (series == nullptr) {
      ++over_limit;
      continue;
    }
    plan->appends.push_back(
        {series, time_ns / kNsPerMs, value.value, value.increment});
  }
  if (over_limit > 0) Refuse(PLIMSOLL_DROP_SERIES_LIMIT, plan, over_limit);
}

void Store::Impl::PlanNode(const IncomingBatch& incoming, int64_t offset_ns,
                           BatchPlan* plan) {
  const NodeBatch& batch = incoming.batch;
  if (batch.node_values.empty()) return;
  int64_t time_ns = batch.node_boottime_ns + offset_ns;
  if (time_ns > batch.boottime_ns + offset_ns + options_.future_tolerance_ns) {
    Refuse(PLIMSOLL_DROP_FUTURE_TIMESTAMP, plan);
    return;
  }
  ProcessHead* node =
      Resolve(incoming.agent_id, {batch.boot_id, 0, 0, 0}, time_ns);
  PlanValues(batch.node_values, time_ns, node, plan);
}

// Needs the head lock. Gives numbers to what is new; takes no sample yet.
BatchPlan Store::Impl::Plan(const IncomingBatch& incoming, int64_t now_ns) {
  const NodeBatch& batch = incoming.batch;
  BatchPlan plan;
  plan.incoming = &incoming;
  plan.refused = batch.refused;
  plan.agent = &head_.agents[incoming.agent_id];
  plan.agent->state.agent_id = incoming.agent_id;
  plan.stream = &head_.streams[PairText(incoming.agent_id, incoming.spool_id)];
  if (plan.stream->id == 0) plan.stream->id = head_.next_stream++;

  if (batch.boot_id.empty()) return plan;  // it says nothing of any process
  plimsoll_drop_reason why = PLIMSOLL_DROP_NONE;
  std::optional<int64_t> offset = OffsetOf(incoming, now_ns, &why);
  if (!offset) {
    int64_t lost = static_cast<int64_t>(batch.snapshots.size());
    Refuse(why, &plan, std::max<int64_t>(lost, 1));
    return plan;
  }
  int64_t latest_ns = now_ns + options_.future_tolerance_ns;
  int64_t oldest_ns = now_ns - options_.retention_ns;
  for (const DescribedProcess& described : batch.processes) {
    int64_t seen_ns = std::min(batch.boottime_ns + *offset, latest_ns);
    Describe(described, Resolve(incoming.agent_id, described.id, seen_ns));
  }
  for (const NodeSnapshot& snapshot : batch.snapshots) {
    int64_t time_ns = snapshot.boottime_ns + *offset;
    if (time_ns > latest_ns || time_ns < oldest_ns) {
      Refuse(time_ns > latest_ns ? PLIMSOLL_DROP_FUTURE_TIMESTAMP
                                 : PLIMSOLL_DROP_OLD_TIMESTAMP,
             &plan);
      continue;
    }
    ProcessHead* process = Resolve(incoming.agent_id, snapshot.id, time_ns);
    if (MergeTiers(snapshot.tiers, &process->state.tiers)) {
      process->tiers_saved = false;
      MarkDirty(process);
    }
    PlanValues(snapshot.values, time_ns, process, &plan);
    plan.snapshots.push_back({process, &snapshot, time_ns, *offset});
  }
  PlanNode(incoming, *offset, &plan);
  return plan;
}

// Needs the head lock. Takes what the transaction has made durable.
void Store::Impl::Commit(const BatchPlan& plan, int64_t received_ns) {
  for (const BatchPlan::Append& append : plan.appends) {
    double value = append.value;
    if (append.increment) {
      value = append.series->total += append.value;
      append.series->total_changed = true;
    }
    append.series->chunk.Append(append.time_ms, value);
  }
  samples_ += static_cast<int64_t>(plan.appends.size());
  for (const BatchPlan::Snapshot& part : plan.snapshots) {
    ProcessState& state = part.process->state;
    part.process->seen_since_rollover = true;
    state.info.first_seen_ns = std::min(state.info.first_seen_ns, part.time_ns);
    state.info.last_seen_ns = std::max(state.info.last_seen_ns, part.time_ns);
    // For good: counts of its requests may come after its end.
    state.info.exited |= part.snapshot->exited;
    state.oom_killed |= part.snapshot->oom_killed;
    if (part.snapshot->typed_share) {
      state.typed_share = part.snapshot->typed_share;
    }
    for (const Document& document : part.snapshot->latest) {
      auto have = std::find_if(
          state.latest.begin(), state.latest.end(),
          [&](const StoredDocument& d) { return d.kind == document.kind; });
      if (have == state.latest.end()) {
        have = state.latest.insert(have, {document.kind, 0, 0, ""});
      }
      *have = {document.kind, part.time_ns, 0, document.json};
    }
  }
  const NodeBatch& batch = plan.incoming->batch;
  AgentState& agent = plan.agent->state;
  agent.last_seen_ns = std::max(agent.last_seen_ns, received_ns);
  if (!batch.attach_rung.empty()) agent.attach_rung = batch.attach_rung;
  if (!batch.node_values.empty()) agent.figures.clear();
  for (const NodeValue& value : batch.node_values) {
    agent.figures.emplace_back(std::string(value.metric), value.value);
  }
  for (const ReasonCount& loss : batch.losses) {
    plan.agent->losses[loss.reason] += loss.count;
  }
  plan.stream->next_seq = std::max(plan.stream->next_seq, batch.seq + 1);
}

absl::Status Store::Impl::Apply(const std::vector<IncomingBatch>& batches) {
  std::lock_guard<std::mutex> write(write_mutex_);
  int64_t now_ns = ports_.now_ns();
  std::vector<BatchPlan> plans;
  int64_t duplicates = 0;
  {
    std::unique_lock<std::shared_mutex> lock(head_mutex_);
    std::unordered_map<std::string, uint64_t> next;  // with this group's
    for (const IncomingBatch& incoming : batches) {
      std::string key = PairText(incoming.agent_id, incoming.spool_id);
      auto stream = head_.streams.find(key);
      uint64_t stored =
          stream == head_.streams.end() ? 0 : stream->second.next_seq;
      uint64_t& wanted = next.try_emplace(key, stored).first->second;
      if (incoming.batch.seq < wanted) {
        ++duplicates;
        continue;
      }
      wanted = incoming.batch.seq + 1;
      plans.push_back(Plan(incoming, now_ns));
    }
  }
  int64_t journal_bytes = 0;
  if (!plans.empty()) {
    // What is not saved in memory yet is read here without the head lock: only
    // holders of write_mutex_ change it.
    absl::Status status = Guard("store batches", [&] {
      SQLite::Transaction transaction(*writer_);
      WriteDictionary();
      for (const BatchPlan& plan : plans) {
        WriteBatch(plan, now_ns, &journal_bytes);
      }
      transaction.commit();
    });
    if (!status.ok()) return status;
  }
  ports_.losses->Count(PLIMSOLL_DROP_DUPLICATE, duplicates);
  {
    std::unique_lock<std::shared_mutex> lock(head_mutex_);
    MarkSaved();
    for (const BatchPlan& plan : plans) Commit(plan, now_ns);
  }
  journal_bytes_ += journal_bytes;
  batches_ += static_cast<int64_t>(plans.size());
  ++transactions_;
  for (const BatchPlan& plan : plans) {
    for (const auto& [reason, count] : plan.refused) {
      ports_.losses->Count(reason, count);
    }
    if (!ports_.listener) continue;
    for (const BatchPlan::Snapshot& part : plan.snapshots) {
      // Only this thread, under write_mutex_, changes it.
      ports_.listener(part.process->state.info, part.time_ns, *part.snapshot);
    }
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::collector::store

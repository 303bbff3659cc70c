#include <algorithm>
#include <utility>

#include "collector/store/store_impl.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::store {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int kMaxStackDocuments = 100;

void Add(const std::vector<int64_t>& times, const std::vector<double>& values,
         int64_t from_ns, int64_t to_ns, std::vector<Sample>* out) {
  for (size_t i = 0; i < times.size(); ++i) {
    int64_t time_ns = times[i] * kNsPerMs;
    if (time_ns >= from_ns && time_ns < to_ns) {
      out->push_back({time_ns, values[i]});
    }
  }
}

// In time order, one sample for a time.
void Order(std::vector<Sample>* samples) {
  auto earlier = [](const Sample& a, const Sample& b) {
    return a.time_ns < b.time_ns;
  };
  if (!std::is_sorted(samples->begin(), samples->end(), earlier)) {
    std::stable_sort(samples->begin(), samples->end(), earlier);
  }
  auto same = [](const Sample& a, const Sample& b) {
    return a.time_ns == b.time_ns;
  };
  samples->erase(std::unique(samples->begin(), samples->end(), same),
                 samples->end());
}

// The id of a series in the database; 0 if it has none.
int64_t FindSeries(const SQLite::Database& database, ProcessKey process,
                   uint32_t metric, uint32_t label) {
  SQLite::Statement find(database,
                         "SELECT id FROM series WHERE process = ? AND "
                         "metric = ? AND label = ?");
  find.bind(1, process);
  find.bind(2, static_cast<int64_t>(metric));
  find.bind(3, static_cast<int64_t>(label));
  return find.executeStep() ? find.getColumn(0).getInt64() : 0;
}

}  // namespace

absl::StatusOr<std::vector<Sample>> Store::Impl::Read(ProcessKey process,
                                                      const SeriesName& name,
                                                      int64_t from_ns,
                                                      int64_t to_ns) const {
  std::vector<Sample> out;
  ChunkBuilder head;
  int64_t id = 0;
  std::optional<uint32_t> metric, label;
  {
    std::shared_lock<std::shared_mutex> lock(head_mutex_);
    metric = head_.names.Find(name.metric);
    label = head_.names.Find(name.label);
    if (!metric || !label) return out;
    auto known = head_.processes.find(process);
    if (known == head_.processes.end()) return out;
    auto found = known->second.series.find(SeriesKey(*metric, *label));
    if (found != known->second.series.end()) {
      id = found->second.id;
      head = found->second.chunk;
    } else if (known->second.series_loaded) {
      return out;
    }
  }
  PLIMSOLL_RETURN_IF_ERROR(Guard("read series", [&] {
    std::lock_guard<std::mutex> read(read_mutex_);
    if (id == 0) {
      id = FindSeries(*reader_, process, *metric, *label);
      if (id == 0) return;
    }
    SQLite::Statement query(
        *reader_,
        "SELECT c.samples, t.column_bytes, c.column_bytes FROM rollover r "
        "CROSS JOIN chunk c ON c.rollover = r.id AND c.series = ? "
        "CROSS JOIN times t ON t.rollover = r.id AND t.id = c.times "
        "WHERE r.last_ms >= ? AND r.first_ms <= ? ORDER BY r.id");
    query.bind(1, id);
    query.bind(2, from_ns / kNsPerMs - 1);
    query.bind(3, to_ns / kNsPerMs + 1);
    while (query.executeStep()) {
      size_t count = static_cast<size_t>(query.getColumn(0).getInt64());
      auto bytes = [&](int at) {
        SQLite::Column column = query.getColumn(at);
        return std::string_view(static_cast<const char*>(column.getBlob()),
                                static_cast<size_t>(column.getBytes()));
      };
      auto times = DecodeTimes(bytes(1), count);
      auto values = DecodeValues(bytes(2), count);
      if (!times.ok() || !values.ok()) {
        throw SQLite::Exception("a chunk does not decode", 11);
      }
      Add(*times, *values, from_ns, to_ns, &out);
    }
  }));
  if (head.count() > 0) {
    std::vector<int64_t> times;
    std::vector<double> values;
    PLIMSOLL_RETURN_IF_ERROR(head.Decode(&times, &values));
    Add(times, values, from_ns, to_ns, &out);
  }
  Order(&out);
  return out;
}

absl::StatusOr<std::vector<SeriesName>> Store::Impl::Series(
    ProcessKey process, const std::string* metric) const {
  std::vector<SeriesName> out;
  std::vector<std::pair<uint32_t, uint32_t>> ids;
  std::shared_lock<std::shared_mutex> lock(head_mutex_);
  std::optional<uint32_t> wanted;
  if (metric != nullptr) {
    wanted = head_.names.Find(*metric);
    if (!wanted) return out;
  }
  auto known = head_.processes.find(process);
  if (known == head_.processes.end()) return out;
  if (known->second.series_loaded) {
    for (const auto& [key, series] : known->second.series) {
      ids.emplace_back(key >> 32, key & 0xffffffff);
    }
  } else {
    lock.unlock();
    PLIMSOLL_RETURN_IF_ERROR(Guard("list series", [&] {
      std::lock_guard<std::mutex> read(read_mutex_);
      SQLite::Statement query(
          *reader_, "SELECT metric, label FROM series WHERE process = ?");
      query.bind(1, process);
      while (query.executeStep()) {
        ids.emplace_back(query.getColumn(0).getUInt(),
                         query.getColumn(1).getUInt());
      }
    }));
    lock.lock();
  }
  for (const auto& [metric_id, label_id] : ids) {
    if (wanted && metric_id != *wanted) continue;
    out.push_back({head_.names.Text(metric_id), head_.names.Text(label_id)});
  }
  std::sort(out.begin(), out.end());
  return out;
}

absl::StatusOr<std::vector<StoredDocument>> Store::Impl::Evidence(
    ProcessKey process, const std::string& kind, int64_t from_ns, int64_t to_ns,
    int limit) const {
  std::vector<StoredDocument> out;
  PLIMSOLL_RETURN_IF_ERROR(Guard("read evidence", [&] {
    std::lock_guard<std::mutex> read(read_mutex_);
    SQLite::Statement query(
        *reader_,
        "SELECT begin_ns, end_ns, json_zstd FROM evidence WHERE process = ? "
        "AND "
        "kind = ? AND end_ns >= ? AND end_ns < ? ORDER BY end_ns DESC, id DESC "
        "LIMIT ?");
    query.bind(1, process);
    query.bind(2, kind);
    query.bind(3, from_ns);
    query.bind(4, to_ns);
    query.bind(5, limit);
    while (query.executeStep()) {
      int64_t begin_ns = query.getColumn(0).getInt64();
      int64_t end_ns = query.getColumn(1).getInt64();
      out.push_back(
          {kind, end_ns, end_ns - begin_ns, DocumentText(query.getColumn(2))});
    }
  }));
  return out;
}

absl::StatusOr<std::vector<ProcessInfo>> Store::Processes(
    int64_t since_ns) const {
  std::vector<ProcessInfo> out;
  std::shared_lock<std::shared_mutex> lock(impl_->head_mutex_);
  for (const auto& [key, process] : impl_->head_.processes) {
    if (process.is_node || process.state.info.last_seen_ns < since_ns) continue;
    out.push_back(process.state.info);
  }
  std::sort(
      out.begin(), out.end(),
      [](const ProcessInfo& a, const ProcessInfo& b) { return a.key < b.key; });
  return out;
}

absl::StatusOr<std::vector<SeriesName>> Store::Series(
    ProcessKey process, const std::string& metric) const {
  return impl_->Series(process, &metric);
}

absl::StatusOr<std::vector<SeriesName>> Store::AllSeries(
    ProcessKey process) const {
  return impl_->Series(process, nullptr);
}

absl::StatusOr<std::vector<Sample>> Store::Read(ProcessKey process,
                                                const SeriesName& series,
                                                int64_t from_ns,
                                                int64_t to_ns) const {
  return impl_->Read(process, series, from_ns, to_ns);
}

absl::StatusOr<std::vector<StackEvidence>> Store::Stacks(ProcessKey process,
                                                         int64_t from_ns,
                                                         int64_t to_ns) const {
  PLIMSOLL_ASSIGN_OR_RETURN(
      std::vector<StoredDocument> documents,
      impl_->Evidence(process, "stacks", from_ns, to_ns, kMaxStackDocuments));
  std::vector<StackEvidence> out;
  for (const StoredDocument& document : documents) {
    for (StackEvidence& row : ParseStacks(document)) {
      out.push_back(std::move(row));
    }
  }
  return out;
}

absl::StatusOr<CensusShares> Store::Census(ProcessKey process) const {
  CensusShares shares;
  std::string json;
  {
    std::shared_lock<std::shared_mutex> lock(impl_->head_mutex_);
    auto known = impl_->head_.processes.find(process);
    if (known == impl_->head_.processes.end()) return shares;
    shares.typed = known->second.state.typed_share;
    for (const StoredDocument& document : known->second.state.latest) {
      if (document.kind == "census") json = document.json;
    }
  }
  shares.examined = ParseCoverage(json);
  return shares;
}

std::optional<double> Store::Impl::NodeFigure(const std::string& agent_id,
                                              std::string_view name) const {
  std::shared_lock<std::shared_mutex> lock(head_mutex_);
  const auto agent = head_.agents.find(agent_id);
  if (agent == head_.agents.end()) return std::nullopt;
  for (const auto& [metric, value] : agent->second.state.figures) {
    if (metric == name) return value;
  }
  return std::nullopt;
}

std::optional<double> Store::NodeSwapFreeBytes(
    const std::string& agent_id) const {
  return impl_->NodeFigure(agent_id, metric::kNodeSwapFree);
}

std::optional<double> Store::NodeAvailableBytes(
    const std::string& agent_id) const {
  const auto memory = impl_->NodeFigure(agent_id, metric::kNodeAvailable);
  if (!memory || *memory <= 0) return std::nullopt;
  return *memory + NodeSwapFreeBytes(agent_id).value_or(0);
}

std::optional<int64_t> Store::BootOffsetNs(const std::string& agent_id,
                                           const std::string& boot_id) const {
  std::shared_lock<std::shared_mutex> lock(impl_->head_mutex_);
  const auto boot = impl_->head_.boots.find(PairText(agent_id, boot_id));
  if (boot == impl_->head_.boots.end()) return std::nullopt;
  return boot->second.offset_ns;
}

absl::StatusOr<std::vector<StoredDocument>> Store::Evidence(
    ProcessKey process, const std::string& kind, int64_t from_ns, int64_t to_ns,
    int limit) const {
  return impl_->Evidence(process, kind, from_ns, to_ns, limit);
}

absl::StatusOr<std::vector<AgentState>> Store::Agents() const {
  std::vector<AgentState> out;
  std::shared_lock<std::shared_mutex> lock(impl_->head_mutex_);
  std::unordered_map<std::string, int64_t> alive;
  for (const auto& [key, process] : impl_->head_.processes) {
    if (!process.is_node && !process.state.info.exited) {
      ++alive[process.state.info.agent_id];
    }
  }
  for (const auto& [id, head] : impl_->head_.agents) {
    AgentState state = head.state;
    state.processes = alive[id];
    for (const auto& [reason, count] : head.losses) {
      state.losses.push_back({reason, count});
    }
    out.push_back(std::move(state));
  }
  return out;
}

absl::StatusOr<ProcessState> Store::Process(ProcessKey process) const {
  ProcessState state;
  {
    std::shared_lock<std::shared_mutex> lock(impl_->head_mutex_);
    auto known = impl_->head_.processes.find(process);
    if (known == impl_->head_.processes.end() || known->second.is_node) {
      return absl::NotFoundError("no process with key " +
                                 std::to_string(process));
    }
    state = known->second.state;
  }
  PLIMSOLL_ASSIGN_OR_RETURN(state.commands, impl_->Commands(process, 50));
  return state;
}

StoreFigures Store::Figures() const {
  StoreFigures figures;
  figures.samples_total = impl_->samples_;
  figures.batches_total = impl_->batches_;
  figures.transactions_total = impl_->transactions_;
  figures.journal_bytes = impl_->journal_bytes_;
  figures.series_in_head = impl_->series_in_head_;
  figures.chunk_samples = impl_->chunk_samples_;
  figures.chunk_bytes = impl_->chunk_bytes_;
  {
    std::shared_lock<std::shared_mutex> lock(impl_->head_mutex_);
    figures.processes = static_cast<int64_t>(impl_->head_.processes.size());
  }
  auto counted = Guard("size of store", [&] {
    std::lock_guard<std::mutex> read(impl_->read_mutex_);
    figures.database_bytes =
        impl_->reader_->execAndGet("PRAGMA page_count").getInt64() *
        impl_->reader_->execAndGet("PRAGMA page_size").getInt64();
  });
  if (!counted.ok()) figures.database_bytes = 0;
  return figures;
}

}  // namespace plimsoll::collector::store

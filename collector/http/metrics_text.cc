// /metrics: what the collector says of itself. prometheus-cpp writes the text.
#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <utility>

#include "collector/http/api.h"

namespace plimsoll::collector::http {
namespace {

class Families {
 public:
  void Add(
      const char* name, const char* help, prometheus::MetricType type,
      double value,
      const std::vector<std::pair<std::string, std::string>>& labels = {}) {
    if (all_.empty() || all_.back().name != name) {
      all_.push_back({name, help, type, {}});
    }
    prometheus::ClientMetric metric;
    for (const auto& [key, text] : labels) metric.label.push_back({key, text});
    if (type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    all_.back().metric.push_back(std::move(metric));
  }
  void Counter(const char* name, const char* help, int64_t value) {
    Add(name, help, prometheus::MetricType::Counter,
        static_cast<double>(value));
  }
  void Gauge(const char* name, const char* help, int64_t value) {
    Add(name, help, prometheus::MetricType::Gauge, static_cast<double>(value));
  }
  std::string Text() const {
    return prometheus::TextSerializer().Serialize(all_);
  }

 private:
  std::vector<prometheus::MetricFamily> all_;
};

// What was lost or turned away, here and by agents.
void AddLosses(const ApiPorts& ports, Families& out) {
  for (int reason = 1; reason < PLIMSOLL_DROP_REASON_COUNT; ++reason) {
    out.Add("plimsoll_collector_dropped_total",
            "What the collector lost or refused, by reason",
            prometheus::MetricType::Counter,
            static_cast<double>(
                ports.losses->Total(static_cast<plimsoll_drop_reason>(reason))),
            {{"reason", DropReasonLabel(reason)}});
  }
  for (size_t i = 0; ports.refusals != nullptr && i < kRefusals; ++i) {
    out.Add("plimsoll_collector_refused_total",
            "What the collector's endpoints turned away, by reason",
            prometheus::MetricType::Counter,
            static_cast<double>(ports.refusals->Total(static_cast<Refusal>(i))),
            {{"endpoint", kRefusalNames[i].endpoint},
             {"reason", kRefusalNames[i].reason}});
  }
  if (auto agents = ports.board->Agents(); agents.ok()) {
    for (const AgentState& agent : *agents) {
      for (const ReasonCount& loss : agent.losses) {
        out.Add("plimsoll_dropped_total", "What agents lost, by reason",
                prometheus::MetricType::Counter,
                static_cast<double>(loss.count),
                {{"agent", agent.agent_id},
                 {"node", agent.node_name},
                 {"reason", loss.reason}});
      }
    }
  }
}

void AddNotifiers(const ApiPorts& ports, Families& out) {
  const std::vector<TargetStatus> targets = ports.notifiers();
  for (const TargetStatus& t : targets) {
    out.Add("plimsoll_collector_notify_accepted_total",
            "Messages that a target accepted since start",
            prometheus::MetricType::Counter, static_cast<double>(t.sent),
            {{"target", t.target}});
  }
  for (const TargetStatus& t : targets) {
    out.Add("plimsoll_collector_notify_failed_total",
            "Requests to a target that failed since start",
            prometheus::MetricType::Counter, static_cast<double>(t.failed),
            {{"target", t.target}});
  }
  for (const TargetStatus& t : targets) {
    out.Add("plimsoll_collector_notify_waiting",
            "Incidents that a target is still to be told of",
            prometheus::MetricType::Gauge, static_cast<double>(t.waiting),
            {{"target", t.target}});
  }
}

}  // namespace

std::string MetricsText(const ApiPorts& ports) {
  Families out;
  StoreFigures store = ports.board->Figures();
  out.Add("plimsoll_collector_info", "Version of this collector",
          prometheus::MetricType::Gauge, 1, {{"version", ports.version}});
  out.Gauge("plimsoll_collector_agents_connected", "Agents with a stream",
            static_cast<int64_t>(ports.connected_agents().size()));
  out.Counter("plimsoll_collector_ingested_samples_total",
              "Samples stored since start", store.samples_total);
  out.Counter("plimsoll_collector_ingested_batches_total",
              "Batches stored since start", store.batches_total);
  out.Counter("plimsoll_collector_store_transactions_total",
              "Transactions of ingest since start", store.transactions_total);
  out.Gauge("plimsoll_collector_store_bytes", "Size of the database",
            store.database_bytes);
  out.Gauge("plimsoll_collector_store_journal_bytes",
            "Batches whose samples are not in chunks yet", store.journal_bytes);
  out.Gauge("plimsoll_collector_store_head_series",
            "Series with samples in memory", store.series_in_head);
  out.Gauge("plimsoll_collector_store_processes",
            "Processes that the store knows", store.processes);
  out.Counter("plimsoll_collector_store_chunk_samples_total",
              "Samples written out in chunks since start", store.chunk_samples);
  out.Counter("plimsoll_collector_store_chunk_bytes_total",
              "Bytes of those chunks", store.chunk_bytes);
  AddLosses(ports, out);
  AddNotifiers(ports, out);
  EngineCounters engine = ports.engine_counters();
  out.Counter("plimsoll_collector_judgements_total",
              "Processes judged since start", engine.judgements);
  out.Counter("plimsoll_collector_incidents_fired_total",
              "Incidents that fired since start", engine.incidents_fired);
  out.Counter("plimsoll_collector_incidents_resolved_total",
              "Incidents that resolved since start", engine.incidents_resolved);
  out.Counter("plimsoll_collector_suspicions_dropped_total",
              "Pending incidents that went away", engine.suspicions_dropped);
  out.Counter("plimsoll_collector_analysis_errors_total",
              "Failures of what the analysis reads or writes",
              engine.port_errors);
  out.Counter("plimsoll_collector_clock_jumps_total",
              "Times that this collector's clock was set by over a minute",
              engine.clock_jumps);
  return out.Text();
}

}  // namespace plimsoll::collector::http

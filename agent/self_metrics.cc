#include "agent/self_metrics.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include "agent/core/refusal_label.h"
#include "agent/core/tier_name.h"
#include "plimsoll/drop_reasons.h"

namespace plimsoll::agent {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

class Exposition {
 public:
  void Declare(std::string name, MetricType type, std::string help) {
    MetricFamily& family = families_.emplace_back();
    family.name = std::move(name);
    family.type = type;
    family.help = std::move(help);
  }
  void Add(const Labels& labels, double value) {
    ClientMetric& metric = families_.back().metric.emplace_back();
    for (const auto& [name, text] : labels) {
      ClientMetric::Label& label = metric.label.emplace_back();
      label.name = name;
      label.value = text;
    }
    if (families_.back().type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
  }
  void Gauge(std::string name, std::string help, double value) {
    Declare(std::move(name), MetricType::Gauge, std::move(help));
    Add({}, value);
  }
  void Counter(std::string name, std::string help, double value) {
    Declare(std::move(name), MetricType::Counter, std::move(help));
    Add({}, value);
  }
  std::string Render() const {
    return prometheus::TextSerializer().Serialize(families_);
  }

 private:
  std::vector<MetricFamily> families_;
};

double Real(int64_t value) { return static_cast<double>(value); }

// Every reason is shown from the start, at zero: a counter that appears with
// its first loss is missed by rate().
void AddLosses(const Agent::Status& agent, const TransportStatus& transport,
               Exposition& out) {
  std::map<std::string, int64_t> losses;
#define PLIMSOLL_LABEL(name, number, label, text) losses[label] = 0;
  PLIMSOLL_DROP_REASONS(PLIMSOLL_LABEL)
#undef PLIMSOLL_LABEL
  losses.erase("none");
  for (const auto& [reason, count] : agent.losses) losses[reason] += count;
  for (const auto& [reason, count] : transport.losses) losses[reason] += count;
  out.Declare("plimsoll_dropped_total", MetricType::Counter,
              "What was seen and did not become a figure, by reason.");
  for (const auto& [reason, count] : losses) {
    out.Add({{"reason", reason}}, Real(count));
  }
}

void AddProcesses(const Agent::Status& agent, Exposition& out) {
  out.Gauge("plimsoll_agent_processes", "Python processes that are watched.",
            Real(agent.processes));
  out.Declare("plimsoll_agent_processes_unreadable", MetricType::Gauge,
              "Processes whose Python cannot be read, by reason.");
  core::RefusalCounts unreadable;
  for (const auto& [reason, pids] : agent.not_readable) {
    unreadable[core::RefusalLabel(reason)] += static_cast<int64_t>(pids.size());
  }
  for (const auto& [reason, count] : core::BoundRefusals(unreadable)) {
    out.Add({{"reason", reason}}, Real(count));
  }
  out.Declare("plimsoll_agent_tier_processes", MetricType::Gauge,
              "Processes for which a tier works (ok=\"true\") or does not.");
  for (const auto& [tier, counts] : agent.tiers) {
    out.Add({{"tier", core::TierName(tier)}, {"ok", "true"}},
            Real(counts.first));
    out.Add({{"tier", core::TierName(tier)}, {"ok", "false"}},
            Real(counts.second));
  }
  out.Declare("plimsoll_agent_tier_refused", MetricType::Gauge,
              "Processes for which a tier does not work, by reason; rare "
              "reasons are \"other\".");
  for (const auto& [tier, refusals] : agent.tier_refusals) {
    for (const auto& [reason, count] : refusals) {
      out.Add({{"tier", core::TierName(tier)}, {"reason", reason}},
              Real(count));
    }
  }
}

void AddGovernor(const core::ProbeUsage& probes, Exposition& out) {
  const std::array<std::pair<const char*, const core::TierUsage*>, 2> tiers = {
      {{"1", &probes.tier1}, {"4", &probes.tier4}}};
  out.Declare("plimsoll_agent_governor_requests_total", MetricType::Counter,
              "What probes asked the governor for, by tier and outcome.");
  for (const auto& [tier, usage] : tiers) {
    out.Add({{"tier", tier}, {"outcome", "granted"}}, Real(usage->granted));
    out.Add({{"tier", tier}, {"outcome", "refused"}}, Real(usage->refused));
  }
  out.Declare("plimsoll_agent_governor_revoked_total", MetricType::Counter,
              "Grants that ended since their process' budget was spent.");
  for (const auto& [tier, usage] : tiers) {
    out.Add({{"tier", tier}}, Real(usage->revoked));
  }
  out.Counter(
      "plimsoll_agent_targets_trapped_total",
      "Processes that SIGTRAP ended after they had been probed; probing "
      "ends on this node with the first.",
      Real(probes.trapped));
  out.Declare("plimsoll_agent_governor_spent_seconds_total",
              MetricType::Counter, "What was taken from processes' budgets.");
  for (const auto& [tier, usage] : tiers) {
    out.Add({{"tier", tier}}, Real(usage->cost_ns) / 1e9);
  }
  out.Declare("plimsoll_agent_governor_budget_left_ratio", MetricType::Gauge,
              "Of the process with least: 1 is all of its budget, 0 none.");
  for (const auto& [tier, usage] : tiers) {
    out.Add({{"tier", tier}}, usage->least_left);
  }
  out.Declare("plimsoll_agent_hit_cost_seconds", MetricType::Gauge,
              "Of a probe by its instruction, of a watchpoint and of a sampled "
              "page fault, measured at start; 0 where it is not known.");
  out.Add({{"instruction", "emulated"}}, probes.emulated_hit_ns / 1e9);
  out.Add({{"instruction", "single_stepped"}},
          probes.single_stepped_hit_ns / 1e9);
  out.Add({{"instruction", "watchpoint"}}, probes.watchpoint_hit_ns / 1e9);
  out.Add({{"instruction", "page_fault"}}, probes.page_fault_hit_ns / 1e9);
}

void AddWork(const Agent::Status& agent, Exposition& out) {
  out.Declare("plimsoll_agent_censuses_total", MetricType::Counter,
              "Heaps looked at.");
  out.Add({{"kind", "full"}}, Real(agent.census.full));
  out.Add({{"kind", "headers"}}, Real(agent.census.headers));
  out.Add({{"kind", "failed"}}, Real(agent.census.failed));
  out.Counter("plimsoll_agent_implausible_claims_total",
              "Claims of objects to own memory that cannot be theirs; many "
              "where a process made its heap up.",
              Real(agent.census.implausible_claims));
  out.Counter("plimsoll_agent_implausible_heaps_total",
              "Censuses with too many such claims to be believed.",
              Real(agent.census.implausible));
  out.Counter("plimsoll_agent_census_seconds_total",
              "Time spent reading heaps.", agent.census.seconds);
  out.Counter("plimsoll_agent_census_deferred_total",
              "Looks that waited for the CPU budget.",
              Real(agent.census.deferred));
  out.Gauge("plimsoll_agent_cpu_budget_balance_seconds",
            "What the CPU budget holds; below zero it is overdrawn.",
            Real(agent.budget_balance_ns) / 1e9);
  out.Declare("plimsoll_agent_commands_total", MetricType::Counter,
              "Commands executed, by outcome.");
  out.Add({{"outcome", "done"}}, Real(agent.commands.done));
  out.Add({{"outcome", "refused"}}, Real(agent.commands.refused));
  out.Add({{"outcome", "failed"}}, Real(agent.commands.failed));
  out.Add({{"outcome", "process_gone"}}, Real(agent.commands.gone));
  out.Declare("plimsoll_agent_births_total", MetricType::Counter,
              "Looks by watchpoints for the code that makes what stays.");
  out.Add({{"outcome", "followed"}}, Real(agent.commands.births_followed));
  out.Add({{"outcome", "none"}}, Real(agent.commands.births_none));
  out.Add({{"outcome", "refused"}}, Real(agent.commands.births_refused));
  out.Counter("plimsoll_agent_probe_hits_total",
              "Hits of probes in all targets.", Real(agent.probes.hits));
  out.Counter("plimsoll_agent_probe_cost_seconds_total",
              "What those hits cost the targets: hits x calibrated cost.",
              Real(agent.probes.cost_ns) / 1e9);
  out.Counter("plimsoll_agent_probes_revoked_total",
              "Tier 1 probes that were detached past their budget.",
              Real(agent.probes.revoked_total));
  out.Gauge("plimsoll_agent_probes_revoked",
            "Tier 1 probes that are detached now, until they can be afforded.",
            Real(agent.probes.revoked));
  AddGovernor(agent.probes, out);
  out.Declare("plimsoll_agent_attach_rung", MetricType::Gauge,
              "How uprobes are attached here; 1 for the rung in use.");
  out.Add({{"rung", agent.rung.empty() ? "none" : agent.rung}}, 1);
  out.Declare("plimsoll_agent_attach_rung_refused", MetricType::Gauge,
              "1 for each way to attach uprobes that does not work here.");
  for (const auto& [rung, reason] : agent.rung_refusals) {
    out.Add({{"rung", rung}, {"reason", reason}}, 1);
  }
}

void AddTransport(const TransportStatus& transport, Exposition& out) {
  if (!transport.has_collector) return;
  out.Gauge("plimsoll_agent_collector_connected",
            "1 while the collector has welcomed this agent.",
            transport.connected ? 1 : 0);
  out.Counter("plimsoll_agent_connections_total",
              "Streams that the collector welcomed.",
              Real(transport.connections));
  out.Counter("plimsoll_agent_batches_sent_total",
              "Batches sent, those sent again included.",
              Real(transport.batches_sent));
  out.Gauge("plimsoll_agent_acknowledged_seq",
            "The last batch that the collector has stored.",
            static_cast<double>(transport.acknowledged_seq));
  out.Gauge("plimsoll_agent_spool_bytes", "Size of the spool on disk.",
            Real(transport.spool_bytes));
  out.Gauge("plimsoll_agent_spool_batches",
            "Batches that wait for an acknowledgement.",
            Real(transport.spool_batches));
}

void AddPods(const PodsStatus& pods, Exposition& out) {
  if (!pods.watched) return;
  out.Gauge("plimsoll_agent_pod_watch_connected",
            "1 while the Kubernetes API answers; what is known stays known.",
            pods.connected ? 1 : 0);
  out.Gauge("plimsoll_agent_pods", "Pods of this node that are known.",
            Real(pods.known));
  out.Counter("plimsoll_agent_pod_lists_total",
              "Times that all pods were listed anew.", Real(pods.lists));
  out.Counter("plimsoll_agent_pod_events_total",
              "Events of the watch, bookmarks included.", Real(pods.events));
  out.Counter("plimsoll_agent_pod_bad_events_total",
              "Events that could not be read; they changed nothing.",
              Real(pods.bad_events));
  out.Counter("plimsoll_agent_pod_watch_failures_total",
              "Requests to the Kubernetes API that failed.",
              Real(pods.failures));
}

}  // namespace

std::string RenderMetrics(const Agent::Status& agent,
                          const TransportStatus& transport,
                          const PodsStatus& pods, const std::string& version) {
  Exposition out;
  out.Declare("plimsoll_agent_build", MetricType::Gauge, "1, by version.");
  out.Add({{"version", version}}, 1);
  out.Counter("plimsoll_agent_cpu_seconds_total",
              "CPU time of the agent and its inspector.",
              Real(agent.cpu_ns) / 1e9);
  out.Gauge("plimsoll_agent_resident_memory_bytes",
            "Resident memory of the agent and its inspector.",
            Real(agent.rss_bytes));
  out.Counter("plimsoll_agent_reports_total", "Reports made.",
              Real(agent.reports));
  AddProcesses(agent, out);
  AddWork(agent, out);
  AddTransport(transport, out);
  AddPods(pods, out);
  AddLosses(agent, transport, out);
  return out.Render();
}

}  // namespace plimsoll::agent

#include "agent/agent_program.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "agent/agent.h"
#include "agent/bpf/hit_cost.h"
#include "agent/bpf/kernel_support.h"
#include "agent/bpf/lifecycle_probe.h"
#include "agent/bpf_probes.h"
#include "agent/event_loop.h"
#include "agent/export/report_client.h"
#include "agent/export/report_encoder.h"
#include "agent/export/spool.h"
#include "agent/host.h"
#include "agent/inspector/inspector_client.h"
#include "agent/kube/pod_watch.h"
#include "agent/metrics_server.h"
#include "agent/request_worker.h"
#include "agent/self_metrics.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitNotPermitted = 3;
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kPublishNs = 2 * kNsPerSecond;
// Lifecycle events are taken together: a node that builds or runs cron jobs
// starts hundreds of programs a second, and none needs to be known at once.
constexpr int64_t kLifecycleRestNs = kNsPerSecond / 5;
// Of the agent's CPU budget: for asking processes for their request counters.
constexpr double kRequestsShare = 0.2;

class LoopTimers final : public core::Timers {
 public:
  explicit LoopTimers(EventLoop* loop) : loop_(loop) {}
  void RunAfter(int64_t delay_ns, std::function<void()> work) override {
    loop_->RunAfter(delay_ns, std::move(work));
  }

 private:
  EventLoop* loop_;
};

// Members in the order of their making; they go in the reverse one, so that
// nothing calls what is gone: the client's thread posts to the loop, the agent
// uses probes and inspector.
class AgentProgram {
 public:
  AgentProgram(const Config& config, std::string version)
      : config_(config), version_(std::move(version)) {}

  absl::Status Start();
  absl::Status Run();

 private:
  absl::Status StartInspector();
  absl::Status StartTransport();
  void StartProbes();
  void WatchPods();
  absl::Status StartAgent();
  void HandleReport(const core::NodeReport& report);
  absl::Status WatchLifecycle();
  void HandleLifecycle();
  void InspectorTimer();
  void PublishMetrics();
  std::string NodeName() const {
    return config_.node.empty() ? HostName() : config_.node;
  }
  int32_t InspectorPid() const { return inspector_->stats().child_pid; }

  const Config& config_;
  const std::string version_;
  SystemClock clock_;
  procfs::ProcRoot proc_;
  std::string no_probes_;
  std::unique_ptr<EventLoop> loop_;
  std::optional<LoopTimers> timers_;
  std::unique_ptr<inspector::InspectorClient> inspector_;
  std::unique_ptr<exporter::Spool> spool_;
  std::unique_ptr<exporter::ReportClient> client_;
  std::optional<BpfProbes> probes_;
  std::optional<bpf::LifecycleProbe> lifecycle_;
  uint64_t lifecycle_lost_ = 0;
  kube::PodCache pods_;
  std::unique_ptr<kube::PodWatch> pod_watch_;
  std::unique_ptr<RequestWorker> requests_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<MetricsServer> metrics_;
};

absl::Status AgentProgram::Start() {
  PLIMSOLL_ASSIGN_OR_RETURN(loop_, EventLoop::Create());
  timers_.emplace(loop_.get());
  // Before any thread: they inherit the mask.
  PLIMSOLL_RETURN_IF_ERROR(
      loop_->WatchSignals({SIGTERM, SIGINT}, [this](int signal) {
        spdlog::info("ending signal={}", signal);
        loop_->Stop();
      }));
  ::signal(SIGPIPE, SIG_IGN);
  PLIMSOLL_RETURN_IF_ERROR(StartInspector());
  StartProbes();
  PLIMSOLL_RETURN_IF_ERROR(StartTransport());
  if (!config_.listen.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(metrics_, MetricsServer::Start(config_.listen));
  }
  WatchPods();
  return StartAgent();
}

absl::Status AgentProgram::StartInspector() {
  PLIMSOLL_ASSIGN_OR_RETURN(inspector_,
                            inspector::InspectorClient::Make(
                                {}, [this] { return clock_.BoottimeNs(); }));
  PLIMSOLL_RETURN_IF_ERROR(
      loop_->WatchFd(inspector_->fd(), [this] { inspector_->OnReadable(); }));
  InspectorTimer();
  return absl::OkStatus();
}

void AgentProgram::InspectorTimer() {
  inspector_->OnTimer(clock_.BoottimeNs());
  loop_->RunAfter(kNsPerSecond, [this] { InspectorTimer(); });
}

void AgentProgram::StartProbes() {
  bpf::KernelSupport kernel = bpf::KernelSupport::Detect();
  if (!kernel.bpf()) {
    no_probes_ = kernel.bpf_refusal;
    spdlog::warn("no probes reason=\"{}\"", no_probes_);
    return;
  }
  const auto costs = bpf::CalibrateHitCosts(kernel);
  if (costs.ok()) {
    spdlog::info("hit cost emulated_ns={:.0f} single_stepped_ns={:.0f}",
                 costs->emulated_ns, costs->single_stepped_ns);
  } else {
    spdlog::warn("hit cost not measured error=\"{}\"",
                 costs.status().ToString());
  }
  probes_.emplace(
      kernel, costs, proc_, &clock_,
      [this](std::function<void()> work) { loop_->Post(std::move(work)); });
  probes_->LookWith(kernel, inspector_.get(), inspector_.get(), &*timers_);
  auto lifecycle = bpf::LifecycleProbe::Create(kernel);
  if (!lifecycle.ok()) {
    spdlog::info("lifecycle by scan reason=\"{}\"",
                 std::string(lifecycle.status().message()));
    return;
  }
  lifecycle_.emplace(*std::move(lifecycle));
  if (!WatchLifecycle().ok()) lifecycle_.reset();
}

absl::Status AgentProgram::WatchLifecycle() {
  return loop_->WatchFd(lifecycle_->fd(), [this] {
    loop_->UnwatchFd(lifecycle_->fd());
    HandleLifecycle();
    loop_->RunAfter(kLifecycleRestNs, [this] {
      if (absl::Status watched = WatchLifecycle(); !watched.ok()) {
        spdlog::error("lifecycle by scan from now on error=\"{}\"",
                      watched.ToString());
      }
    });
  });
}

void AgentProgram::HandleLifecycle() {
  for (const bpf::LifecycleEvent& event : lifecycle_->Drain()) {
    if (agent_ == nullptr) continue;
    switch (event.kind) {
      case bpf::LifecycleEvent::Kind::kExec:
        agent_->HandleExec(event.pid);
        break;
      case bpf::LifecycleEvent::Kind::kExit:
        if (probes_) probes_->HandleKilled(event.pid, event.signal);
        agent_->HandleExit(event.pid);
        break;
      case bpf::LifecycleEvent::Kind::kOomVictim:
        agent_->HandleOomVictim(event.pid);
        break;
    }
  }
  if (uint64_t lost = lifecycle_->lost(); lost > lifecycle_lost_) {
    // The next scan catches up with what the events did not tell.
    agent_->CountLoss("ring_full",
                      static_cast<int64_t>(lost - lifecycle_lost_));
    lifecycle_lost_ = lost;
  }
}

absl::Status AgentProgram::StartTransport() {
  if (config_.collector.empty()) return absl::OkStatus();
  std::string agent_id = config_.agent_id;
  if (agent_id.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(agent_id, LoadAgentId(config_.state_dir));
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      spool_, exporter::Spool::Open({config_.state_dir + "/spool",
                                     config_.spool_max_bytes, RandomHex(32)}));
  exporter::ReportClientOptions options;
  options.collector = {config_.collector,
                       config_.collector_ca_file,
                       config_.collector_cert_file,
                       config_.collector_key_file,
                       config_.collector_server_name,
                       config_.collector_token_file};
  options.agent_id = agent_id;
  options.node = NodeName();
  options.agent_version = version_;
  options.kernel_release = KernelRelease();
  options.random_seed = static_cast<uint64_t>(clock_.BoottimeNs());
  options.on_command = [this](core::Command command) {
    loop_->Post([this, command = std::move(command)]() mutable {
      if (agent_) agent_->HandleCommand(std::move(command));
    });
  };
  options.on_connected = [this] {
    loop_->Post([this] {
      spdlog::info("collector connected address={}", config_.collector);
      if (agent_) agent_->HandleConnected();
    });
  };
  options.on_disconnected = [](const std::string& reason) {
    spdlog::warn("no collector reason=\"{}\"", reason);
  };
  client_ = std::make_unique<exporter::ReportClient>(std::move(options),
                                                     spool_.get());
  return absl::OkStatus();
}

void AgentProgram::WatchPods() {
  if (config_.kubernetes.empty()) return;
  kube::PodWatchOptions options;
  options.api = {config_.kubernetes, config_.kubernetes_token_file,
                 config_.kubernetes_ca_file};
  options.node = NodeName();
  options.random_seed = static_cast<uint64_t>(clock_.BoottimeNs());
  options.on_change = [](const absl::Status& status) {
    if (status.ok()) {
      spdlog::info("pods are known from the cluster");
    } else {
      spdlog::warn(
          "pods are not told by the cluster: those known stay, and it is asked "
          "again error=\"{}\"",
          std::string(status.message()));
    }
  };
  pod_watch_ = std::make_unique<kube::PodWatch>(std::move(options), &pods_);
}

absl::Status AgentProgram::StartAgent() {
  AgentIdentity identity;
  PLIMSOLL_ASSIGN_OR_RETURN(identity.boot_id, proc_.ReadBootId());
  identity.node = NodeName();
  identity.pid = ::getpid();
  identity.ticks_per_second = ::sysconf(_SC_CLK_TCK);
  PLIMSOLL_ASSIGN_OR_RETURN(auto mounts, proc_.ReadCgroupMounts());
  AgentPorts ports;
  ports.inspector = inspector_.get();
  ports.native = inspector_.get();
  ports.probes = probes_ ? &*probes_ : nullptr;
  ports.no_probes = no_probes_;
  ports.pods = pod_watch_ ? &pods_ : nullptr;
  requests_ = std::make_unique<RequestWorker>(
      proc_,
      workload::RequestFilter{config_.request_labels, config_.request_metrics,
                              config_.request_gauges},
      config_.cpu_budget * kRequestsShare,
      [this](std::function<void()> work) { loop_->Post(std::move(work)); });
  ports.requests = requests_.get();
  ports.clock = &clock_;
  ports.timers = &*timers_;
  ports.cpu_ns = [this] { return CpuNs(InspectorPid()); };
  ports.rss_bytes = [this] { return RssBytes(InspectorPid()); };
  ports.on_report = [this](const core::NodeReport& report) {
    HandleReport(report);
  };
  ports.take_events = [this] {
    if (lifecycle_) HandleLifecycle();
  };
  ports.on_result = [this](core::CommandResult result) {
    spdlog::info("command ended id={} outcome={} reason=\"{}\"",
                 result.command_id, static_cast<int>(result.outcome),
                 result.reason);
    if (client_) client_->PostResult(std::move(result));
  };
  agent_ =
      std::make_unique<Agent>(config_, std::move(ports), std::move(identity),
                              proc_, procfs::CgroupReader(std::move(mounts)));
  agent_->Start();
  PublishMetrics();
  return absl::OkStatus();
}

void AgentProgram::HandleReport(const core::NodeReport& report) {
  if (!spool_) return;
  exporter::EncodedReport encoded = exporter::EncodeReport(report, {});
  agent_->CountLoss("batch_too_large", encoded.too_large);
  for (const std::string& batch : encoded.batches) {
    // The loss itself is counted by the spool.
    if (auto seq = spool_->Append(batch); !seq.ok()) {
      spdlog::warn("batch lost error=\"{}\"", seq.status().ToString());
    }
  }
  client_->PostBatchReady();
}

void AgentProgram::PublishMetrics() {
  loop_->RunAfter(kPublishNs, [this] { PublishMetrics(); });
  if (!metrics_) return;
  TransportStatus transport;
  transport.has_collector = client_ != nullptr;
  if (client_) {
    exporter::ReportClient::State state = client_->state();
    transport.connected = state.connected;
    transport.connections = state.connections;
    transport.batches_sent = state.batches_sent;
    transport.acknowledged_seq = state.acknowledged_seq;
    transport.spool_bytes = spool_->bytes();
    transport.spool_batches =
        static_cast<int64_t>(spool_->next_seq() - spool_->first_seq());
    transport.losses = std::move(state.losses);
    for (const auto& [reason, count] : spool_->losses()) {
      transport.losses[reason] += count;
    }
  }
  PodsStatus pods;
  if (pod_watch_) {
    const kube::PodWatchStats stats = pod_watch_->stats();
    pods = {true,          stats.connected, static_cast<int64_t>(pods_.size()),
            stats.lists,   stats.events,    stats.bad_events,
            stats.failures};
  }
  metrics_->Publish(RenderMetrics(agent_->status(), transport, pods, version_),
                    "");
}

absl::Status AgentProgram::Run() {
  PLIMSOLL_RETURN_IF_ERROR(loop_->Run());
  // Everything measured is on disk before the probes go; what the collector
  // does not take now it takes from the spool after the next start.
  agent_->Finish();
  agent_.reset();
  if (lifecycle_) loop_->UnwatchFd(lifecycle_->fd());
  lifecycle_.reset();
  probes_.reset();
  if (client_) {
    client_->PostBatchReady();
    if (!client_->Drain(
            std::chrono::milliseconds(config_.drain_timeout_ns / 1'000'000))) {
      spdlog::warn("the collector has not taken all of the spool");
    }
  }
  spdlog::info("ended");
  return absl::OkStatus();
}

}  // namespace

int RunAgent(const Config& config, const std::string& version) {
  if (absl::Status status = CheckPermissions(); !status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return kExitNotPermitted;
  }
  AgentProgram program(config, version);
  absl::Status status = program.Start();
  if (status.ok()) {
    spdlog::info("started version={} collector=\"{}\" listen=\"{}\"", version,
                 config.collector, config.listen);
    status = program.Run();
  }
  if (status.ok()) return 0;
  spdlog::error("{}", std::string(status.message()));
  return absl::IsPermissionDenied(status) ? kExitNotPermitted : kExitFailed;
}

}  // namespace plimsoll::agent

#include "collector/server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "collector/auth/authenticator.h"
#include "collector/auth/token_reviewer.h"
#include "collector/core/engine/engine.h"
#include "collector/core/incident/incident_json.h"
#include "collector/core/ingest/loss_counter.h"
#include "collector/core/ingest/refusal_counter.h"
#include "collector/http/api.h"
#include "collector/http/http_guard.h"
#include "collector/http/http_server.h"
#include "collector/notify/notifiers.h"
#include "collector/notify/silence_watch.h"
#include "collector/observe.h"
#include "collector/request_sources.h"
#include "collector/rpc/batch_decoder.h"
#include "collector/rpc/fleet_service.h"
#include "collector/store/store.h"
#include "plimsoll/base/secret_file.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int64_t MonotonicNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

constexpr char kVersion[] = "0.1.0";
// Of one address; a page of the UI is one request.
constexpr Rate kHttpRate = {.per_s = 50, .burst = 500};
// Longer than an Alertmanager takes that is there.
constexpr int64_t kFirstSilencesNs = 3'000'000'000;

}  // namespace

// Members end in reverse order: nobody calls what is already gone.
class Server::Impl {
 public:
  explicit Impl(Config config) : config_(std::move(config)) {}
  ~Impl() { Stop(); }
  absl::Status Start();
  void Stop();

  const Config config_;
  LossCounter losses_;
  RefusalCounter refusals_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<auth::TokenReviewer> reviewer_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::vector<std::unique_ptr<notify::HttpNotifier>> notifiers_;
  std::unique_ptr<notify::SilenceWatch> silences_;  // null: none to ask
  std::unique_ptr<rpc::FleetServer> fleet_;
  std::unique_ptr<RequestSources> requests_;
  std::unique_ptr<http::Api> api_;
  std::unique_ptr<http::HttpServer> http_;

 private:
  absl::Status OpenStore();
  absl::Status StartFleet();
  absl::Status CheckSecrets() const;
  void MakeNotifiers();
  absl::Status StartAnalysis();
  absl::Status StartHttp();
  void RunTimer();
  void RunEvery(const char* what, const std::function<absl::Status()>& work);
  absl::StatusOr<std::vector<Incident>> Incidents() const;
  absl::Status Ready() const;

  // Made after the gRPC server, which it asks for evidence, while batches come
  // in already: until then they are not told of.
  std::unique_ptr<Engine> owned_engine_;
  std::atomic<Engine*> engine_{nullptr};
  // Unix seconds of the last look that found the store refusing writes.
  std::atomic<int64_t> refused_at_s_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, stopped_ = false;
  std::thread timer_;
};

absl::Status Server::Impl::OpenStore() {
  std::error_code error;
  std::filesystem::create_directories(config_.state_dir, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               "create state_dir " + config_.state_dir);
  }
  store::StoreOptions options;
  options.path = config_.state_dir + "/fleet.db";
  options.retention_ns = config_.retention_ns;
  options.max_bytes = config_.max_store_bytes;
  auto listener = [this](const ProcessInfo& process, int64_t time_ns,
                         const NodeSnapshot& snapshot) {
    Engine* engine = engine_.load();
    if (engine == nullptr) return;
    Observation observation = Observe(snapshot, time_ns);
    if (!observation.limit_bytes) {
      observation.node_available_bytes =
          store_->NodeAvailableBytes(process.agent_id);
    }
    engine->OnSnapshot(process, observation);
  };
  PLIMSOLL_ASSIGN_OR_RETURN(
      store_, store::Store::Open(
                  options, {rpc::DecodeBatch, UnixNow, &losses_, listener}));
  return absl::OkStatus();
}

absl::Status Server::Impl::StartFleet() {
  rpc::FleetServerOptions options;
  options.listen = config_.grpc_listen;
  options.collector_version = kVersion;
  options.tls.cert = config_.tls_cert_file;
  options.tls.key = config_.tls_key_file;
  options.tls.client_ca = config_.agent_ca_file;
  options.tls.client_cert_required = config_.agent_accounts.empty();
  if (!config_.agent_accounts.empty()) {
    auth::TokenReviewerOptions review;
    review.url = config_.kubernetes;
    review.token_file = config_.kubernetes_token_file;
    review.ca_file = config_.kubernetes_ca_file;
    review.rules = {config_.token_audience, config_.agent_accounts};
    review.now_ns = MonotonicNow;
    reviewer_ = std::make_unique<auth::TokenReviewer>(std::move(review));
  }
  if (config_.authenticates()) {
    authenticator_ = std::make_unique<auth::Authenticator>(
        !config_.agent_ca_file.empty(), reviewer_.get());
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      fleet_,
      rpc::FleetServer::Start(options, {store_.get(), store_.get(), &losses_,
                                        &refusals_, authenticator_.get()}));
  return absl::OkStatus();
}

absl::Status Server::Impl::CheckSecrets() const {
  for (const auto* files :
       {&config_.pagerduty_key_files, &config_.slack_url_files}) {
    for (const std::string& file : *files) {
      PLIMSOLL_RETURN_IF_ERROR(ReadSecretFile(file).status());
    }
  }
  return absl::OkStatus();
}

void Server::Impl::MakeNotifiers() {
  const notify::Clocks clocks{UnixNow, MonotonicNow};
  const auto add = [&](auto make, std::vector<std::string> urls,
                       std::vector<std::string> files) {
    if (urls.empty() && files.empty()) return;
    notify::NotifierOptions options;
    options.urls = std::move(urls);
    options.secret_files = std::move(files);
    options.pagerduty_url = config_.pagerduty_url;
    notifiers_.push_back(make(options, clocks, &losses_));
  };
  add(notify::MakeAlertmanagerNotifier, config_.alertmanagers, {});
  add(notify::MakeWebhookNotifier, config_.webhooks, {});
  add(notify::MakePagerDutyNotifier, {}, config_.pagerduty_key_files);
  add(notify::MakeSlackNotifier, {}, config_.slack_url_files);
  if (config_.alertmanagers.empty()) return;
  notify::SilenceWatchOptions watch;
  watch.urls = config_.alertmanagers;
  silences_ = std::make_unique<notify::SilenceWatch>(std::move(watch));
  silences_->AwaitFirstLook(kFirstSilencesNs);
}

absl::Status Server::Impl::StartAnalysis() {
  EnginePorts ports;
  ports.reader = store_.get();
  ports.requester = fleet_.get();
  ports.incidents = store_.get();
  MakeNotifiers();
  ports.silences = silences_.get();
  for (const auto& notifier : notifiers_) {
    ports.notifiers.push_back(notifier.get());
  }
  EngineOptions options;
  options.external_url = config_.external_url;
  options.runbook_url = config_.runbook_url;
  owned_engine_ = std::make_unique<Engine>(ports, options);
  PLIMSOLL_RETURN_IF_ERROR(owned_engine_->Restore(UnixNow()));
  engine_ = owned_engine_.get();
  return absl::OkStatus();
}

absl::Status Server::Impl::StartHttp() {
  http::ApiPorts ports;
  ports.reader = store_.get();
  ports.board = store_.get();
  ports.losses = &losses_;
  ports.refusals = &refusals_;
  ports.incidents = [this] { return Incidents(); };
  ports.shown = [this] { return owned_engine_->Shown(); };
  ports.engine_counters = [this] { return owned_engine_->counters(); };
  ports.connected_agents = [this] { return fleet_->ConnectedAgents(); };
  ports.notifiers = [this] {
    std::vector<TargetStatus> all;
    for (const auto& notifier : notifiers_) {
      for (TargetStatus& one : notifier->Targets()) {
        all.push_back(std::move(one));
      }
    }
    return all;
  };
  ports.silence_sources = [this] {
    return silences_ == nullptr ? std::vector<SilenceSourceStatus>()
                                : silences_->Status();
  };
  ports.request_sources = [this] { return requests_->Status(); };
  ports.ready = [this] { return Ready(); };
  ports.now_ns = UnixNow;
  ports.version = kVersion;
  api_ = std::make_unique<http::Api>(std::move(ports));
  PLIMSOLL_ASSIGN_OR_RETURN(HostPort address,
                            ParseHostPort(config_.http_listen));
  http::HttpServerOptions options;
  options.host = address.host;
  options.port = address.port;
  options.refusals = &refusals_;
  http::Handler handler = [this](const http::Request& request) {
    return api_->Handle(request);
  };
  if (!config_.http_token_file.empty()) {
    handler = http::GuardByToken(config_.http_token_file, &refusals_,
                                 std::move(handler));
  }
  handler =
      http::LimitRate(kHttpRate, MonotonicNow, &refusals_, std::move(handler));
  PLIMSOLL_ASSIGN_OR_RETURN(
      http_, http::HttpServer::Start(options, std::move(handler)));
  return absl::OkStatus();
}

absl::Status Server::Impl::Start() {
  PLIMSOLL_RETURN_IF_ERROR(CheckSecrets());
  PLIMSOLL_RETURN_IF_ERROR(OpenStore());
  PLIMSOLL_RETURN_IF_ERROR(StartFleet());
  PLIMSOLL_RETURN_IF_ERROR(StartAnalysis());
  PLIMSOLL_ASSIGN_OR_RETURN(
      requests_,
      RequestSources::Start(config_, store_.get(), &refusals_, UnixNow));
  PLIMSOLL_RETURN_IF_ERROR(StartHttp());
  timer_ = std::thread([this] { RunTimer(); });
  spdlog::info("collector up store={}/fleet.db", config_.state_dir);
  spdlog::info("look here: {}/", config_.external_url);
  spdlog::info("agents connect here: {} tls={} proof=\"{}\"",
               config_.grpc_listen, !config_.tls_cert_file.empty(),
               !config_.authenticates()         ? "none"
               : config_.agent_ca_file.empty()  ? "token"
               : config_.agent_accounts.empty() ? "certificate"
                                                : "certificate or token");
  return absl::OkStatus();
}

// Open incidents as the analysis has them, then older ones of the store.
absl::StatusOr<std::vector<Incident>> Server::Impl::Incidents() const {
  std::vector<Incident> out = owned_engine_->Incidents();
  std::set<std::string> known;
  for (const Incident& incident : out) known.insert(incident.id);
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<IncidentRecord> records,
                            store_->Load(/*resolved_since_ns=*/1));
  for (const IncidentRecord& record : records) {
    if (known.contains(record.id)) continue;
    // One that cannot be read was counted by the engine at its start.
    if (auto incident = DecodeIncident(record.json); incident.ok()) {
      out.push_back(*std::move(incident));
    }
  }
  auto is_open = [](const Incident& incident) {
    return incident.state != IncidentState::kResolved;
  };
  std::stable_partition(out.begin(), out.end(), is_open);
  return out;
}

absl::Status Server::Impl::Ready() const {
  constexpr int64_t kNsPerSecond = 1'000'000'000;
  if (UnixNow() / kNsPerSecond - refused_at_s_ < 60) {
    return absl::UnavailableError("the store refuses writes; see the log");
  }
  return absl::OkStatus();
}

void Server::Impl::RunEvery(const char* what,
                            const std::function<absl::Status()>& work) {
  if (absl::Status status = work(); !status.ok()) {
    spdlog::error("{} failed error=\"{}\"", what,
                  std::string(status.message()));
  }
}

void Server::Impl::RunTimer() {
  int64_t refused = 0;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::seconds(1),
                            [this] { return stopping_; })) {
    lock.unlock();
    RunEvery("store maintenance", [this] { return store_->Maintain(); });
    RunEvery("analysis", [this] { return owned_engine_->Tick(UnixNow()); });
    int64_t now_refused = losses_.Total(PLIMSOLL_DROP_STORE_WRITE);
    if (now_refused > refused) refused_at_s_ = UnixNow() / 1'000'000'000;
    refused = now_refused;
    lock.lock();
  }
}

void Server::Impl::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return;
    stopping_ = stopped_ = true;
    changed_.notify_all();
  }
  if (fleet_ != nullptr) fleet_->Stop();
  if (timer_.joinable()) timer_.join();
  if (http_ != nullptr) http_->Stop();
  requests_.reset();  // whose threads tell the analysis
  if (store_ == nullptr) return;
  if (absl::Status status = store_->Rollover(); !status.ok()) {
    // Nothing is lost: the journal has it.
    spdlog::error("write out at end error=\"{}\"",
                  std::string(status.message()));
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Config config) {
  auto impl = std::make_unique<Impl>(std::move(config));
  PLIMSOLL_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::Stop() { impl_->Stop(); }
int Server::grpc_port() const { return impl_->fleet_->port(); }
int Server::http_port() const { return impl_->http_->port(); }

}  // namespace plimsoll::collector

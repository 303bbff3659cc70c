#include "collector/request_sources.h"

#include <spdlog/spdlog.h>

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "collector/http/http_guard.h"
#include "collector/http/http_server.h"
#include "collector/http/otlp_handler.h"
#include "collector/otlp_feed.h"
#include "collector/request_feed.h"
#include "collector/requests/prometheus_source.h"
#include "collector/rpc/otlp_json.h"
#include "collector/rpc/otlp_server.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {

// Members end in reverse order: nobody calls what is already gone.
class RequestSources::Impl {
 public:
  Impl(const Config& config, store::Store* store, RefusalCounter* refusals,
       std::function<int64_t()> unix_now_ns)
      : config_(config),
        store_(store),
        refusals_(refusals),
        unix_now_ns_(std::move(unix_now_ns)) {}

  void StartPrometheus();
  absl::Status StartOtlp();

  std::vector<RequestSourceStatus> Status() const {
    std::vector<RequestSourceStatus> all;
    if (prometheus_ != nullptr) all.push_back(prometheus_->Status());
    if (otlp_ != nullptr) all.push_back(otlp_->Status());
    return all;
  }

 private:
  const Config config_;
  store::Store* const store_;
  RefusalCounter* const refusals_;
  const std::function<int64_t()> unix_now_ns_;
  std::unique_ptr<RequestFeed> feed_;
  std::unique_ptr<requests::PrometheusSource> prometheus_;  // null: none to ask
  std::unique_ptr<OtlpFeed> otlp_;  // null: nobody listens
  std::unique_ptr<rpc::OtlpServer> otlp_grpc_;
  std::unique_ptr<http::HttpServer> otlp_http_;
};

void RequestSources::Impl::StartPrometheus() {
  if (config_.requests_prometheus.empty()) return;
  feed_ = std::make_unique<RequestFeed>(store_, "prometheus");
  requests::PrometheusSourceOptions options;
  options.url = config_.requests_prometheus;
  options.query = config_.requests_query;
  options.gauges_query = config_.requests_gauges_query;
  options.token_file = config_.requests_token_file;
  options.period_ns = config_.requests_period_ns;
  options.unix_now_ns = unix_now_ns_;
  options.processes = [this](const std::set<std::string>& pods) {
    return feed_->Wanting(pods, unix_now_ns_());
  };
  options.deliver = [this](const auto& served, int64_t unix_ns) {
    return feed_->Deliver(served, unix_ns);
  };
  prometheus_ =
      std::make_unique<requests::PrometheusSource>(std::move(options));
}

absl::Status RequestSources::Impl::StartOtlp() {
  if (config_.otlp_grpc_listen.empty() && config_.otlp_http_listen.empty()) {
    return absl::OkStatus();
  }
  rpc::OtlpRules rules;
  if (!config_.otlp_metrics.empty()) rules.metrics = config_.otlp_metrics;
  if (!config_.otlp_attributes.empty()) {
    rules.attributes = config_.otlp_attributes;
  }
  rules.gauges = config_.otlp_gauges;
  otlp_ = std::make_unique<OtlpFeed>(store_, std::move(rules), unix_now_ns_);
  const auto take = [this](std::string_view bytes) {
    return otlp_->Take(bytes);
  };
  if (!config_.otlp_grpc_listen.empty()) {
    rpc::OtlpServerOptions options;
    options.listen = config_.otlp_grpc_listen;
    options.tls.cert = config_.tls_cert_file;
    options.tls.key = config_.tls_key_file;
    options.token_file = config_.otlp_token_file;
    options.take = take;
    options.refusals = refusals_;
    PLIMSOLL_ASSIGN_OR_RETURN(otlp_grpc_,
                              rpc::OtlpServer::Start(std::move(options)));
    spdlog::info("OTLP is taken by gRPC here: {}", config_.otlp_grpc_listen);
  }
  if (config_.otlp_http_listen.empty()) return absl::OkStatus();
  PLIMSOLL_ASSIGN_OR_RETURN(HostPort address,
                            ParseHostPort(config_.otlp_http_listen));
  http::HttpServerOptions options;
  options.host = address.host;
  options.port = address.port;
  options.max_body_bytes = rpc::kMaxOtlpBytes;
  options.refusals = refusals_;
  http::Handler handler =
      http::OtlpHandler({.take = take,
                         .bytes_of_json = rpc::OtlpBytesOfJson,
                         .max_body_bytes = rpc::kMaxOtlpBytes,
                         .refusals = refusals_});
  if (!config_.otlp_token_file.empty()) {
    handler = http::GuardByToken(config_.otlp_token_file, refusals_,
                                 std::move(handler));
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      otlp_http_, http::HttpServer::Start(options, std::move(handler)));
  spdlog::info("OTLP is taken by HTTP here: http://{}/v1/metrics",
               config_.otlp_http_listen);
  return absl::OkStatus();
}

RequestSources::RequestSources(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
RequestSources::~RequestSources() = default;

absl::StatusOr<std::unique_ptr<RequestSources>> RequestSources::Start(
    const Config& config, store::Store* store, RefusalCounter* refusals,
    std::function<int64_t()> unix_now_ns) {
  auto impl =
      std::make_unique<Impl>(config, store, refusals, std::move(unix_now_ns));
  impl->StartPrometheus();
  PLIMSOLL_RETURN_IF_ERROR(impl->StartOtlp());
  return std::unique_ptr<RequestSources>(new RequestSources(std::move(impl)));
}

std::vector<RequestSourceStatus> RequestSources::Status() const {
  return impl_->Status();
}

}  // namespace plimsoll::collector

#include "collector/requests/prometheus_source.h"

#include <curl/curl.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <utility>

#include "collector/net/http_exchange.h"
#include "plimsoll/base/secret_file.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::requests {
namespace {

constexpr size_t kMostBytes = 16 << 20;

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '_' || c == ':';
    if (plain) {
      out += c;
      continue;
    }
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
    out += hex;
  }
  return out;
}

std::string QueryUrl(std::string url, const std::string& query) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url + "/api/v1/query?query=" + Escaped(query);
}

void Append(PodCounts&& more, PodCounts& out) {
  out.without_pod += more.without_pod;
  out.unusable += more.unusable;
  std::move(more.counts.begin(), more.counts.end(),
            std::back_inserter(out.counts));
}

}  // namespace

PrometheusSource::PrometheusSource(PrometheusSourceOptions options)
    : options_(std::move(options)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  status_.source = "prometheus " + net::ShownUrl(options_.url);
  thread_ = std::thread([this] { Run(); });
}

PrometheusSource::~PrometheusSource() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void PrometheusSource::Run() {
  net::HttpExchange http(options_.request_timeout_ns, &stopping_);
  while (!stopping_) {
    const absl::Status status = Look(http);
    if (!stopping_) Note(status);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::nanoseconds(options_.period_ns),
                      [this] { return stopping_.load(); });
  }
}

absl::StatusOr<PodCounts> PrometheusSource::Ask(net::HttpExchange& http,
                                                const std::string& query,
                                                Read read) const {
  if (query.empty()) return PodCounts{};
  const std::string url = QueryUrl(options_.url, query);
  PLIMSOLL_ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                            http.Get(url, net::ShownUrl(url), kMostBytes));
  // Its errors come with 400 and 422, and with words in the body.
  absl::StatusOr<PodCounts> found = read(answer.body);
  if (!found.ok() && answer.code != 200 &&
      !absl::IsUnavailable(found.status())) {
    return net::StatusOfAnswer("GET " + net::ShownUrl(url), answer);
  }
  return found;
}

absl::Status PrometheusSource::Look(net::HttpExchange& http) {
  std::string token;
  if (!options_.token_file.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(token, ReadSecretFile(options_.token_file));
  }
  http.SetBearer(token);
  PLIMSOLL_ASSIGN_OR_RETURN(PodCounts found,
                            Ask(http, options_.query, ReadPodCounts));
  auto gauges = Ask(http, options_.gauges_query, ReadPodGauges);
  // Without gauges requests are counted all the same.
  absl::Status status = gauges.status();
  if (gauges.ok()) Append(*std::move(gauges), found);
  const int64_t now_ns = options_.unix_now_ns();
  const std::vector<ProcessRequests> served = ledger_.Take(
      found.counts, options_.processes(PodsOf(found.counts)), now_ns);
  {
    const std::lock_guard lock(mutex_);
    status_.processes = static_cast<int64_t>(served.size());
    status_.series = static_cast<int64_t>(found.counts.size());
    status_.unmatched = ledger_.unmatched();
    status_.without_pod = found.without_pod;
    status_.unusable = found.unusable;
  }
  status.Update(options_.deliver(served, now_ns));
  return status;
}

void PrometheusSource::Note(const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  ++status_.looks;
  const bool was_good = status_.last_error.empty();
  status_.last_error = status.ok() ? "" : std::string(status.message());
  if (status.ok()) {
    if (!was_good) spdlog::info("requests are read again {}", status_.source);
    return;
  }
  ++status_.failures;
  if (was_good) {
    spdlog::warn("requests cannot be read {} error=\"{}\"", status_.source,
                 status_.last_error);
  }
}

RequestSourceStatus PrometheusSource::Status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace plimsoll::collector::requests

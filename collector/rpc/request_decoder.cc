#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "collector/core/history/gauges.h"
#include "collector/rpc/documents.h"
#include "collector/rpc/snapshot_decoder.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::rpc {
namespace {

// Commas and '=' inside a value would make two label sets look alike.
std::string Clean(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), ',', '_');
  std::replace(out.begin(), out.end(), '=', '_');
  return out;
}

// "city=singapore,outcome=ok", keys sorted.
std::string LabelOf(const v1::RequestCount& count, const StringTable& strings) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const v1::Attribute& attribute : count.attributes()) {
    pairs.emplace_back(Clean(strings[attribute.key_str()]),
                       Clean(strings[attribute.value_str()]));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string label;
  for (const auto& [key, value] : pairs) {
    if (!label.empty()) label += ',';
    label += key + "=" + value;
  }
  return label;
}

}  // namespace

// The first counter by name is the process's request count (requests_total);
// further ones count the same requests in another way and must not be added to
// it, so they are series of their own: requests_total/NAME. Gauges are
// the series of request_gauge, by the names of gauges.h.
absl::Status DecodeRequests(const v1::RequestCounts& requests,
                            const StringTable& strings, NodeBatch* batch,
                            NodeSnapshot* out) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string json,
                            RequestsDocument(requests, strings));
  // Shown with the reason, but not counted.
  if (!requests.reliable()) {
    out->latest.push_back(
        {"requests", out->boottime_ns, out->boottime_ns, std::move(json)});
    return absl::OkStatus();
  }
  std::string_view primary;
  bool any = false;
  for (const v1::RequestCount& count : requests.counts()) {
    if (!std::isfinite(count.value()) || count.value() < 0) {
      if (!count.gauge() || !std::isfinite(count.value())) {
        return absl::InvalidArgumentError("requests: not a count");
      }
    }
    std::string_view name = strings[count.metric_str()];
    if (!count.gauge() && (!any || name < primary)) {
      primary = name;
      any = true;
    }
  }
  for (const v1::RequestCount& count : requests.counts()) {
    std::string_view name = strings[count.metric_str()];
    std::string_view metric = metric::kRequests;
    std::string label = LabelOf(count, strings);
    if (count.gauge()) {
      metric = metric::kGauge;
      std::string clean = Clean(name);
      std::replace(clean.begin(), clean.end(), ' ', '_');
      label = ToString(GaugeName{std::move(clean), std::move(label)});
    } else if (name != primary) {
      metric = batch->strings.emplace_back(std::string(metric::kRequests) + "/")
                   .append(name);
    }
    out->values.push_back({metric,
                           batch->strings.emplace_back(std::move(label)),
                           count.value(), false});
  }
  if (requests.other_count() > 0) {
    out->values.push_back({metric::kRequests, "__other__",
                           static_cast<double>(requests.other_count()), false});
  }
  out->latest.push_back(
      {"requests", out->boottime_ns, out->boottime_ns, std::move(json)});
  return absl::OkStatus();
}

}  // namespace plimsoll::collector::rpc

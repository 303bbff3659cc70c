#include "agent/workload/request_filter.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace plimsoll::workload {
namespace {

using Attributes = std::vector<std::pair<std::string, std::string>>;
using Series = std::map<std::pair<std::string, Attributes>, double>;

// The values of each (metric, label) that are kept.
std::map<std::pair<std::string, std::string>, std::set<std::string>> Kept(
    const Series& series) {
  std::map<std::pair<std::string, std::string>, std::map<std::string, double>>
      totals;
  for (const auto& [key, value] : series) {
    for (const auto& [label, text] : key.second) {
      totals[{key.first, label}][text] += value;
    }
  }
  std::map<std::pair<std::string, std::string>, std::set<std::string>> kept;
  for (const auto& [name, values] : totals) {
    std::vector<std::pair<double, std::string>> ranked;
    for (const auto& [text, total] : values) ranked.emplace_back(-total, text);
    std::sort(ranked.begin(), ranked.end());
    if (ranked.size() > kMaxValues) ranked.resize(kMaxValues);
    for (auto& [total, text] : ranked) kept[name].insert(std::move(text));
  }
  return kept;
}

bool Has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Attributes AllowedOf(const RequestFilter& filter, core::RequestCount& count) {
  Attributes attributes;
  for (auto& [label, value] : count.attributes) {
    if (!Has(filter.labels, label)) continue;
    if (value.size() > kMaxValueBytes) value = std::string(kOther);
    attributes.emplace_back(label, std::move(value));
  }
  std::sort(attributes.begin(), attributes.end());
  return attributes;
}

// The metrics past the first kMaxGauges; true when there were any.
bool DropGauges(Series& gauges) {
  std::set<std::string> names;
  for (const auto& [key, value] : gauges) names.insert(key.first);
  if (names.size() <= kMaxGauges) return false;
  const std::string past = *std::next(names.begin(), kMaxGauges);
  gauges.erase(gauges.lower_bound({past, {}}), gauges.end());
  return true;
}

// Returns what went to "__other__".
double AddCapped(const Series& series, bool gauge,
                 core::RequestCounts& result) {
  auto kept = Kept(series);
  Series capped;
  double others = 0;
  for (const auto& [key, value] : series) {
    auto [metric, attributes] = key;
    bool other = false;
    for (auto& [label, text] : attributes) {
      if (kept[{metric, label}].contains(text) && text != kOther) continue;
      text = std::string(kOther);
      other = true;
    }
    if (other) others += value;
    result.capped |= other;
    capped[{std::move(metric), std::move(attributes)}] += value;
  }
  for (auto& [key, value] : capped) {
    result.counts.push_back({key.first, key.second, value, gauge});
  }
  return others;
}

}  // namespace

bool RequestFilter::Wants(std::string_view metric) const {
  if (!metrics.empty()) return Has(metrics, metric);
  return metric.ends_with("requests_total") || metric.ends_with("requests");
}

bool RequestFilter::WantsGauge(const core::RequestCount& gauge) const {
  if (!gauges.empty()) return Has(gauges, gauge.metric);
  return std::any_of(gauge.attributes.begin(), gauge.attributes.end(),
                     [this](const auto& a) { return Has(labels, a.first); });
}

core::RequestCounts FilterRequests(const RequestFilter& filter,
                                   std::vector<core::RequestCount> counts) {
  Series counters, gauges;
  for (core::RequestCount& count : counts) {
    if (!(count.gauge ? filter.WantsGauge(count)
                      : filter.Wants(count.metric))) {
      continue;
    }
    Attributes attributes = AllowedOf(filter, count);
    (count.gauge
         ? gauges
         : counters)[{std::move(count.metric), std::move(attributes)}] +=
        count.value;
  }
  core::RequestCounts result;
  result.capped = DropGauges(gauges);
  result.other_count = AddCapped(counters, false, result);
  AddCapped(gauges, true, result);
  return result;
}

}  // namespace plimsoll::workload

#include "agent/workload/request_filter.h"

#include <algorithm>
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

}  // namespace

bool RequestFilter::Wants(std::string_view metric) const {
  if (!metrics.empty()) {
    return std::find(metrics.begin(), metrics.end(), metric) != metrics.end();
  }
  return metric.ends_with("requests_total") || metric.ends_with("requests");
}

core::RequestCounts FilterRequests(const RequestFilter& filter,
                                   std::vector<core::RequestCount> counts) {
  Series series;
  for (core::RequestCount& count : counts) {
    if (!filter.Wants(count.metric)) continue;
    Attributes attributes;
    for (auto& [label, value] : count.attributes) {
      if (std::find(filter.labels.begin(), filter.labels.end(), label) ==
          filter.labels.end()) {
        continue;
      }
      if (value.size() > kMaxValueBytes) value = std::string(kOther);
      attributes.emplace_back(label, std::move(value));
    }
    std::sort(attributes.begin(), attributes.end());
    series[{std::move(count.metric), std::move(attributes)}] += count.value;
  }
  auto kept = Kept(series);
  core::RequestCounts result;
  Series capped;
  for (const auto& [key, value] : series) {
    auto [metric, attributes] = key;
    bool other = false;
    for (auto& [label, text] : attributes) {
      if (kept[{metric, label}].contains(text) && text != kOther) continue;
      text = std::string(kOther);
      other = true;
    }
    if (other) result.other_count += value;
    capped[{std::move(metric), std::move(attributes)}] += value;
  }
  for (auto& [key, value] : capped) {
    result.counts.push_back({key.first, key.second, value, false});
  }
  return result;
}

}  // namespace plimsoll::workload

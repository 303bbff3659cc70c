#include "collector/core/history/pod_gauges.h"

#include <algorithm>
#include <set>
#include <vector>

namespace plimsoll::collector {
namespace {

constexpr size_t kMostSeries = 1'000;  // of a process
// Exporters tell each minute unless they are set otherwise.
constexpr int64_t kKeptNs = int64_t{150} * 1'000'000'000;
constexpr char kOther[] = "__other__";

// The values of each gauge's labels that are kept.
std::map<std::pair<std::string, std::string>, std::set<std::string>> Kept(
    const GaugeLevels& levels) {
  std::map<std::pair<std::string, std::string>, std::map<std::string, double>>
      totals;
  for (const auto& [key, value] : levels) {
    for (const auto& [label, text] : key.second) {
      totals[{key.first, label}][text] += value;
    }
  }
  std::map<std::pair<std::string, std::string>, std::set<std::string>> kept;
  for (const auto& [label, values] : totals) {
    std::vector<std::pair<double, std::string>> ranked;
    for (const auto& [text, total] : values) ranked.emplace_back(-total, text);
    std::sort(ranked.begin(), ranked.end());
    if (ranked.size() > kMostGaugeValues) ranked.resize(kMostGaugeValues);
    for (auto& [total, text] : ranked) kept[label].insert(std::move(text));
  }
  return kept;
}

}  // namespace

GaugeLevels Capped(const GaugeLevels& levels) {
  const auto kept = Kept(levels);
  std::set<std::string> names;
  GaugeLevels out;
  for (const auto& [key, value] : levels) {  // sorted by name
    names.insert(key.first);
    if (names.size() > kMostGauges) break;
    auto [name, attributes] = key;
    for (auto& [label, text] : attributes) {
      if (!kept.at({name, label}).contains(text)) text = kOther;
    }
    out[{std::move(name), std::move(attributes)}] += value;
  }
  return out;
}

bool PodGauges::Set(const std::string& series, const std::string& name,
                    const PodAttributes& attributes, double level,
                    int64_t now_ns) {
  std::string key = series + "\n" + name;
  for (const auto& [label, text] : attributes) {
    key += "\n" + label + "\t" + text;
  }
  if (series_.size() >= kMostSeries && !series_.contains(key)) return false;
  series_[std::move(key)] = {name, attributes, level, now_ns};
  return true;
}

GaugeLevels PodGauges::Levels(int64_t now_ns) {
  std::erase_if(series_, [now_ns](const auto& one) {
    return one.second.at_ns < now_ns - kKeptNs;
  });
  GaugeLevels levels;
  for (const auto& [key, one] : series_) {
    levels[{one.name, one.attributes}] += one.value;
  }
  return Capped(levels);
}

}  // namespace plimsoll::collector

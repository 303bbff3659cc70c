#include "collector/core/history/gauges.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

constexpr char kMark = '~';

}  // namespace

bool IsGauge(const std::string& name) { return name.starts_with(kMark); }

std::string ToString(const GaugeName& gauge) {
  const std::string prefix = kMark + gauge.metric;
  std::string name;
  for (const std::string& part : SplitLabel(gauge.attributes)) {
    name += (name.empty() ? "" : ",") + prefix + " " + part;
  }
  return name.empty() ? prefix : name;
}

GaugeName ParseGaugeName(const std::string& name) {
  GaugeName gauge;
  for (const std::string& part : SplitLabel(name)) {
    const size_t space = std::min(part.find(' '), part.size());
    gauge.metric = part.substr(1, space - 1);
    if (space == part.size()) continue;
    if (!gauge.attributes.empty()) gauge.attributes += ',';
    gauge.attributes += part.substr(space + 1);
  }
  return gauge;
}

std::vector<std::string> NamesOfGauge(const std::string& name) {
  const GaugeName gauge = ParseGaugeName(name);
  std::vector<std::string> names;
  for (const std::string& attributes : NamesOf(gauge.attributes)) {
    names.push_back(ToString({gauge.metric, attributes}));
  }
  return names;
}

bool IsPartOf(const std::string& child, const std::string& parent) {
  if (IsGauge(child) != IsGauge(parent)) return false;
  if (!IsGauge(child)) return IsParent(parent, child);
  const GaugeName inner = ParseGaugeName(child);
  const GaugeName outer = ParseGaugeName(parent);
  return inner.metric == outer.metric &&
         IsParent(outer.attributes, inner.attributes);
}

std::string ShownName(const std::string& name) {
  if (name.empty()) return "any request";
  if (!IsGauge(name)) return name;
  const GaugeName gauge = ParseGaugeName(name);
  return "gauge " + gauge.metric +
         (gauge.attributes.empty() ? "" : " with " + gauge.attributes);
}

GaugeCurve::GaugeCurve(const std::vector<Sample>& samples,
                       const std::vector<int64_t>& looks) {
  if (samples.empty()) return;
  const auto first =
      std::lower_bound(looks.begin(), looks.end(), samples.front().time_ns);
  if (first != looks.begin()) levels_.push_back({*(first - 1), 0});
  levels_.insert(levels_.end(), samples.begin(), samples.end());
  const auto after =
      std::upper_bound(looks.begin(), looks.end(), samples.back().time_ns);
  if (after != looks.end()) levels_.push_back({*after, 0});
}

double GaugeCurve::At(int64_t time_ns) const {
  return LinearAt(levels_, time_ns);
}

}  // namespace plimsoll::collector

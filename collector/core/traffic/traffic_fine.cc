#include "collector/core/traffic/traffic_fine.h"

#include <algorithm>
#include <utility>

namespace plimsoll::collector {
namespace {

using Eigen::Index;

// Fewer times the rows would gain little.
constexpr double kWorthIt = 1.5;

std::optional<Index> ColumnNamed(const TrafficDesign& design,
                                 const std::string& name) {
  const auto at = std::find(design.names.begin(), design.names.end(), name);
  if (at == design.names.end()) return std::nullopt;
  return at - design.names.begin();
}

}  // namespace

std::optional<TrafficEstimate> EstimateFinely(
    const std::vector<TrafficSeries>& processes, const TrafficDesign& design,
    double tau_s, const std::vector<std::vector<std::string>>& groups,
    const TrafficThresholds& thresholds) {
  std::vector<std::string> names;
  for (const auto& group : groups) {
    names.insert(names.end(), group.begin(), group.end());
  }
  TrafficDesign fine = BuildFineDesign(processes, thresholds, names);
  if (static_cast<double>(fine.rows) <
      kWorthIt * static_cast<double>(design.rows)) {
    return std::nullopt;
  }
  SetAgeCurve(tau_s, fine);
  std::vector<std::vector<Index>> columns;
  std::vector<Index> all;
  for (const auto& group : groups) {
    columns.emplace_back();
    for (const std::string& name : group) {
      const auto column = ColumnNamed(fine, name);
      if (!column) return std::nullopt;
      columns.back().push_back(*column);
      all.push_back(*column);
    }
  }
  const WhiteDesign white =
      WhitenDesign(fine, EstimateNoise(fine.processes, all));
  Eigen::MatrixXd x =
      Eigen::MatrixXd::Zero(white.x.rows(), static_cast<Index>(columns.size()));
  for (size_t i = 0; i < columns.size(); ++i) {
    for (const Index j : columns[i]) {
      x.col(static_cast<Index>(i)) += white.x.col(j);
    }
  }
  return EstimateColumns(white, x);
}

}  // namespace plimsoll::collector

#include "collector/core/traffic/traffic_any.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "collector/core/history/gauges.h"
#include "collector/core/text/format.h"

namespace plimsoll::collector {
namespace {

using Eigen::Index;

// A value of so many of the requests differs from any by less than its
// interval does: the two are named together.
constexpr double kNearlyAll = 0.9;
constexpr size_t kMostNamed = 3;
// In four of five cases they are told apart then.
constexpr double kPower = 0.84;
// What was not told by chance is looked at again with so much more.
constexpr double kLeastMore = 0.25;
// As many times what there is: nobody waits for that.
constexpr double kMostMore = 200;

std::vector<Index> NotRuledOut(const TrafficDesign& design,
                               const SearchResult& found, size_t which) {
  const size_t any = static_cast<size_t>(found.fit.columns[which]);
  std::vector<Index> out;
  for (const Index rival : found.rivals[which]) {
    const size_t r = static_cast<size_t>(rival);
    if (!IsGauge(design.names[r]) &&
        design.requests[r] < kNearlyAll * design.requests[any]) {
      out.push_back(rival);
    }
  }
  return out;
}

// By how much the rival is expected to be the worse, as twice the log
// likelihood, if any request leaks: what it does not explain of them.
double ExpectedDeviance(const WhiteDesign& white, const ColumnFit& fit,
                        size_t which, Index rival) {
  WhiteDesign of_any;
  of_any.swept_y = white.swept_x.col(fit.columns[which]);
  std::vector<Index> columns = fit.columns;
  columns[which] = rival;
  of_any.swept_x.resize(white.swept_x.rows(),
                        static_cast<Index>(columns.size()));
  std::vector<Index> places;
  for (const Index column : columns) {
    const Index at = static_cast<Index>(places.size());
    of_any.swept_x.col(at) = white.swept_x.col(column);
    places.push_back(at);
  }
  const double beta = fit.beta(static_cast<Index>(which));
  const double dof = static_cast<double>(white.free_rows()) -
                     static_cast<double>(columns.size());
  return beta * beta * FitColumns(of_any, places, nullptr).rss *
         std::max(1.0, dof) / std::max(fit.rss, 1e-300);
}

}  // namespace

std::string WhyNotAnyRequest(const TrafficDesign& design,
                             const WhiteDesign& white,
                             const SearchResult& found, size_t which,
                             const TrafficThresholds& thresholds) {
  const std::vector<Index> values = NotRuledOut(design, found, which);
  if (values.empty()) return "";
  std::string words =
      "the growth goes with requests; whether with any or only with those of ";
  double more = kLeastMore;
  const double root =
      kPower + std::sqrt(kPower * kPower + thresholds.rival_margin);
  for (size_t i = 0; i < values.size(); ++i) {
    if (i < kMostNamed) {
      words += (i == 0 ? "" : " or ") +
               ShownName(design.names[static_cast<size_t>(values[i])]);
    }
    const double now = ExpectedDeviance(white, found.fit, which, values[i]);
    more = std::max(more, root * root / std::max(now, 1e-9) - 1);
  }
  if (values.size() > kMostNamed) {
    words += " or " + std::to_string(values.size() - kMostNamed) + " more";
  }
  if (more > kMostMore) {
    return words + " cannot be told: they come together";
  }
  const double requests =
      design.requests[static_cast<size_t>(found.fit.columns[which])];
  return words + " cannot be told yet; that needs about " +
         FormatCount(std::ceil(more * requests)) + " more requests";
}

}  // namespace plimsoll::collector

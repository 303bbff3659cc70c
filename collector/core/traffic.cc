#include "collector/core/traffic.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

#include "collector/core/nnls.h"
#include "collector/core/traffic_design.h"
#include "collector/core/traffic_estimate.h"

namespace plimsoll::collector {
namespace {

using Eigen::Index;

// r^2 above which two columns are one for every practical purpose.
constexpr double kSameColumn = 0.98;
constexpr size_t kMostInseparable = 3;
// Counts are looked at each 15 s and more: two looks at least.
constexpr int64_t kLeastRateNs = 60'000'000'000;

struct Fit {
  std::vector<Index> columns;
  Eigen::VectorXd beta;
  double rss = 0;
  double bic = 0;
};

Fit Solve(const TrafficDesign& d, const std::vector<Index>& columns) {
  Fit fit;
  fit.columns = columns;
  const Index k = static_cast<Index>(columns.size());
  Eigen::MatrixXd x(d.x.rows(), k);
  for (Index j = 0; j < k; ++j) {
    x.col(j) = d.x.col(columns[static_cast<size_t>(j)]);
  }
  fit.beta = SolveNnls(x.transpose() * x, x.transpose() * d.y);
  fit.rss = (d.y - x * fit.beta).squaredNorm();
  const double n = static_cast<double>(d.x.rows());
  fit.bic = n * std::log(std::max(fit.rss, 1e-300) / n) +
            static_cast<double>(k) * std::log(n);
  return fit;
}

// The best fit with one more column, or the simplest of its parents that is
// nearly as good; `rivals` are the other columns that would do nearly as well.
Fit Extend(const TrafficDesign& d, const Fit& base, double margin,
           std::vector<Index>& rivals) {
  std::vector<Fit> fits;
  for (Index j = 0; j < d.x.cols(); ++j) {
    if (std::find(base.columns.begin(), base.columns.end(), j) !=
        base.columns.end()) {
      continue;
    }
    std::vector<Index> columns = base.columns;
    columns.push_back(j);
    Fit fit = Solve(d, columns);
    if (fit.beta.minCoeff() > 0) fits.push_back(std::move(fit));
  }
  if (fits.empty()) return base;
  std::stable_sort(fits.begin(), fits.end(),
                   [](const Fit& a, const Fit& b) { return a.bic < b.bic; });
  const auto name = [&](const Fit& f) -> const std::string& {
    return d.names[static_cast<size_t>(f.columns.back())];
  };
  size_t chosen = 0;
  for (size_t i = 1; i < fits.size(); ++i) {
    if (fits[i].bic > fits[0].bic + margin) break;
    if (name(fits[i]) != name(fits[chosen]) &&
        IsParent(name(fits[i]), name(fits[chosen]))) {
      chosen = i;
    }
  }
  for (size_t i = 0; i < fits.size(); ++i) {
    if (i != chosen && fits[i].bic <= fits[chosen].bic + margin) {
      rivals.push_back(fits[i].columns.back());
    }
  }
  return fits[chosen];
}

double SquaredCorrelation(const TrafficDesign& d, Index a, Index b) {
  const double ab = d.x.col(a).dot(d.x.col(b));
  const double scale = d.x.col(a).squaredNorm() * d.x.col(b).squaredNorm();
  return scale > 0 ? ab * ab / scale : 0;
}

// Variance inflation by the one other column that is most like it and is not
// about the same requests.
double Vif(const TrafficDesign& d, Index column) {
  double most = 0;
  const std::string& name = d.names[static_cast<size_t>(column)];
  for (Index j = 0; j < d.x.cols(); ++j) {
    const std::string& other = d.names[static_cast<size_t>(j)];
    if (j == column || IsParent(other, name) || IsParent(name, other)) continue;
    most = std::max(most, SquaredCorrelation(d, column, j));
  }
  return 1 / std::max(1 - most, 1e-9);
}

std::vector<std::string> Inseparable(const TrafficDesign& d, Index column,
                                     const std::vector<Index>& rivals) {
  std::vector<std::string> names;
  for (Index j = 0; j < d.x.cols(); ++j) {
    if (j == column || names.size() >= kMostInseparable) continue;
    if (std::find(rivals.begin(), rivals.end(), j) != rivals.end() ||
        SquaredCorrelation(d, column, j) > kSameColumn) {
      const std::string& name = d.names[static_cast<size_t>(j)];
      names.push_back(name.empty() ? "any request" : name);
    }
  }
  return names;
}

std::string NotEnough(const TrafficDesign& d, int needed) {
  return "only " + std::to_string(d.x.rows()) +
         " looks at request counts so far, " + std::to_string(needed) +
         " needed";
}

}  // namespace

namespace {

// The causes of a fit that are surely there and matter, largest share first.
void AddCauses(const TrafficDesign& d, const Fit& fit,
               const std::vector<std::vector<Index>>& rivals,
               const TrafficThresholds& thresholds, Traffic& out) {
  const TrafficEstimate estimate =
      EstimateColumns(d, fit.columns, Neighbours::kAdded);
  const TrafficEstimate plain =
      EstimateColumns(d, fit.columns, Neighbours::kPlain);
  const double wide = boost::math::quantile(
      boost::math::students_t(std::max(1.0, estimate.dof)), 0.975);
  // Each column had its chance to be chosen (Bonferroni).
  const double strict =
      boost::math::quantile(boost::math::students_t(std::max(1.0, plain.dof)),
                            1 - 0.025 / static_cast<double>(d.x.cols()));
  for (size_t i = 0; i < fit.columns.size(); ++i) {
    const Index at = static_cast<Index>(i);
    const double beta = estimate.beta(at);
    const double se = estimate.standard_error(at);
    const size_t column = static_cast<size_t>(fit.columns[i]);
    const double share = beta * d.requests[column] / d.growth_bytes;
    const bool surely =
        plain.beta(at) > strict * plain.standard_error(at) && beta > wide * se;
    if (!surely || share < thresholds.min_leak_share) continue;
    TrafficCause cause;
    cause.attributes = d.names[column];
    cause.bytes_per_request = {beta, std::max(0.0, beta - wide * se),
                               beta + wide * se};
    cause.share = std::min(1.0, share);
    cause.vif = Vif(d, fit.columns[i]);
    cause.requests = d.requests[column];
    cause.inseparable_from = Inseparable(d, fit.columns[i], rivals[i]);
    out.unexplained_share -= cause.share;
    out.causes.push_back(std::move(cause));
  }
  out.unexplained_share = std::max(0.0, out.unexplained_share);
  std::stable_sort(out.causes.begin(), out.causes.end(),
                   [](const TrafficCause& a, const TrafficCause& b) {
                     return a.share > b.share;
                   });
}

}  // namespace

Traffic AttributeTraffic(const std::vector<TrafficSeries>& processes,
                         const TrafficThresholds& thresholds) {
  Traffic out;
  const TrafficDesign d = BuildTrafficDesign(processes, thresholds);
  out.looks = d.x.rows();
  if (d.processes == 0) {
    out.not_known = "no request counts";
    return out;
  }
  const int needed = thresholds.min_looks + d.processes;
  if (d.x.rows() < needed || d.growth_bytes <= 0) {
    out.not_known = d.growth_bytes <= 0 ? "no growth where requests are counted"
                                        : NotEnough(d, needed);
    return out;
  }
  Fit fit = Solve(d, {});
  std::vector<std::vector<Index>> rivals;
  while (static_cast<int>(fit.columns.size()) < thresholds.max_causes) {
    std::vector<Index> rival;
    Fit next = Extend(d, fit, thresholds.min_bic_gain, rival);
    if (next.columns.size() == fit.columns.size() ||
        next.bic > fit.bic - thresholds.min_bic_gain) {
      break;
    }
    fit = std::move(next);
    rivals.push_back(std::move(rival));
  }
  if (!fit.columns.empty()) AddCauses(d, fit, rivals, thresholds, out);
  if (out.causes.empty()) {
    out.not_known = "no attribute's requests explain the growth (" +
                    std::to_string(d.x.rows()) + " looks at " +
                    std::to_string(d.x.cols()) + " attributes)";
  }
  return out;
}

double RequestsWith(const TrafficSeries& series, const std::string& attributes,
                    int64_t from_ns, int64_t to_ns) {
  const int64_t first_look = FirstLook(series);
  double sum = 0;
  for (const auto& [label, samples] : series.requests) {
    if (!IsParent(attributes, label)) continue;
    sum += RequestsBetween(samples, first_look, from_ns, to_ns);
  }
  return sum;
}

std::optional<double> RequestRate(const TrafficSeries& series,
                                  const std::string& attributes,
                                  int64_t from_ns, int64_t to_ns) {
  int64_t last_look = 0;
  for (const auto& [label, samples] : series.requests) {
    if (!samples.empty()) {
      last_look = std::max(last_look, samples.back().time_ns);
    }
  }
  const int64_t from = std::max(from_ns, FirstLook(series));
  const int64_t to = std::min(to_ns, last_look);
  if (to - from < kLeastRateNs) return std::nullopt;
  return RequestsWith(series, attributes, from, to) * 1e9 /
         static_cast<double>(to - from);
}

}  // namespace plimsoll::collector

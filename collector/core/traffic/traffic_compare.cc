#include "collector/core/traffic/traffic_compare.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "collector/core/text/format.h"
#include "collector/core/traffic/traffic_design.h"
#include "collector/core/traffic/traffic_estimate.h"
#include "collector/core/traffic/traffic_fit.h"

namespace plimsoll::collector {
namespace {

using Eigen::Index;

struct Chosen {
  std::vector<TrafficSeries> processes;
  std::vector<bool> first;  // of the first group
};

Chosen Choose(const std::vector<TrafficSeries>& processes,
              const std::vector<std::string>& groups, const std::string& one,
              const std::string& other) {
  Chosen chosen;
  for (size_t i = 0; i < processes.size(); ++i) {
    if (groups[i] != one && groups[i] != other) continue;
    chosen.processes.push_back(processes[i]);
    chosen.first.push_back(groups[i] == one);
  }
  return chosen;
}

// Growth of a process-second in each group, with variances: the mean of each
// process' level increments under noise that no column explains.
struct Rates {
  double a = 0, b = 0, var_a = 0, var_b = 0, dof = 1;
};
Rates RatesOf(const TrafficDesign& design, const std::vector<bool>& first) {
  const WhiteDesign white =
      WhitenDesign(design, EstimateNoise(design.processes, {}));
  const double dof = static_cast<double>(white.free_rows());
  const double variance = white.swept_y.squaredNorm() / std::max(1.0, dof);
  Rates out;
  out.dof = std::max(1.0, dof);
  double seconds_a = 0, seconds_b = 0;
  for (size_t p = 0; p < design.processes.size(); ++p) {
    const Index from = white.first_rows[p];
    const Index n = white.first_rows[p + 1] - from;
    // Per unit of dt; a life's growth is that times its length in units. What
    // a curve of its age explains is no leak.
    Eigen::MatrixXd m(n, 2);
    m.col(0) = white.own.col(0).segment(from, n);
    m.col(1) = white.y.segment(from, n);
    Sweep(white.own.middleRows(from, n).rightCols(white.own.cols() - 1), m);
    const double units = design.processes[p].dt.sum();
    const double growth =
        units * m.col(0).dot(m.col(1)) / m.col(0).squaredNorm();
    const double var = units * units * variance / m.col(0).squaredNorm();
    const bool mine = first[design.whose[p]];
    (mine ? out.a : out.b) += growth;
    (mine ? out.var_a : out.var_b) += var;
    (mine ? seconds_a : seconds_b) += design.seconds[p];
  }
  out.a /= std::max(seconds_a, 1e-9), out.b /= std::max(seconds_b, 1e-9);
  out.var_a /= std::max(seconds_a * seconds_a, 1e-9);
  out.var_b /= std::max(seconds_b * seconds_b, 1e-9);
  return out;
}

struct Requests {
  double a = 0, b = 0;
};
Requests RequestsOf(const TrafficDesign& design, const std::vector<bool>& first,
                    const std::vector<Index>& columns) {
  Requests out;
  for (size_t p = 0; p < design.processes.size(); ++p) {
    for (const Index j : columns) {
      (first[design.whose[p]] ? out.a : out.b) +=
          design.processes[p].dx.col(j).sum();
    }
  }
  return out;
}

// Per request of each cause, of either group apart, weighted by what both
// served of it together.
void AtEqualMix(const TrafficDesign& design, const std::vector<bool>& first,
                const std::vector<std::vector<Index>>& causes,
                GroupComparison& out) {
  std::vector<Index> all;
  for (const auto& columns : causes) {
    all.insert(all.end(), columns.begin(), columns.end());
  }
  const WhiteDesign white =
      WhitenDesign(design, EstimateNoise(design.processes, all));
  const Index k = static_cast<Index>(causes.size());
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(white.x.rows(), 2 * k);
  Eigen::VectorXd weight(k);
  for (Index c = 0; c < k; ++c) {
    const auto& columns = causes[static_cast<size_t>(c)];
    const Requests n = RequestsOf(design, first, columns);
    weight(c) = n.a + n.b;
    for (size_t p = 0; p < design.processes.size(); ++p) {
      const Index from = white.first_rows[p];
      const Index rows = white.first_rows[p + 1] - from;
      const Index to = first[design.whose[p]] ? c : k + c;
      for (const Index j : columns) {
        x.col(to).segment(from, rows) += white.x.col(j).segment(from, rows);
      }
    }
  }
  const TrafficEstimate e = EstimateColumns(white, x);
  const double a = weight.dot(e.beta.head(k)), b = weight.dot(e.beta.tail(k));
  const double var_a = weight.dot(e.covariance.topLeftCorner(k, k) * weight);
  const double var_b =
      weight.dot(e.covariance.bottomRightCorner(k, k) * weight);
  const double cov = weight.dot(e.covariance.topRightCorner(k, k) * weight);
  out.at_equal_mix = RatioOf(a, b, var_a, var_b, cov, e.dof);
  const double wide = TQuantile(e.dof, 1);
  const Index first_cause = 0;
  const auto estimate = [&](Index at) {
    const double half = wide * e.standard_error(at);
    return Estimate{e.beta(at), e.beta(at) - half, e.beta(at) + half};
  };
  out.bytes_per_request_one = estimate(first_cause);
  out.bytes_per_request_other = estimate(k + first_cause);
}

std::string TooFew(const std::string& group, double mine, double all) {
  const std::string place = group.empty() ? "the other" : group;
  if (mine <= 0) {
    return "no such request was served in " + place +
           ": requests and place move together";
  }
  return "only " + std::to_string(std::llround(mine)) + " of " +
         FormatCount(all) + " such requests were served in " + place +
         ", too few to compare them";
}

}  // namespace

Estimate RatioOf(double a, double b, double var_a, double var_b, double cov,
                 double dof) {
  Estimate out;
  out.value = b > 0 ? a / b : 0;
  out.lo = 0;
  const double t = TQuantile(dof, 1);
  // (a - r b)^2 = t^2 (var_a - 2 r cov + r^2 var_b)
  const double qa = b * b - t * t * var_b;
  const double qb = -2 * (a * b - t * t * cov);
  const double qc = a * a - t * t * var_a;
  const double root = qb * qb - 4 * qa * qc;
  if (qa <= 0 || b <= 0 || root < 0) return out;  // the denominator may be 0
  out.lo = std::max(0.0, (-qb - std::sqrt(root)) / (2 * qa));
  out.hi = (-qb + std::sqrt(root)) / (2 * qa);
  return out;
}

GroupComparison CompareGroups(const std::vector<TrafficSeries>& processes,
                              const std::vector<std::string>& groups,
                              const std::string& one, const std::string& other,
                              const std::vector<TrafficCause>& causes,
                              const TrafficThresholds& thresholds) {
  GroupComparison out;
  out.one = one, out.other = other;
  const Chosen chosen = Choose(processes, groups, one, other);
  TrafficDesign design = BuildTrafficDesign(chosen.processes, thresholds);
  const auto of_first = [&](size_t p) { return chosen.first[design.whose[p]]; };
  if (!design.processes.empty()) AddAgeCurve({}, design);
  size_t firsts = 0;
  for (size_t p = 0; p < design.processes.size(); ++p) firsts += of_first(p);
  if (firsts == 0 || firsts == design.processes.size()) {
    out.not_told = "requests of one of them are not counted";
    return out;
  }
  const Rates rates = RatesOf(design, chosen.first);
  out.in_all =
      RatioOf(rates.a, rates.b, rates.var_a, rates.var_b, 0, rates.dof);
  std::vector<std::vector<Index>> columns;
  std::vector<TrafficCause> any(1);
  for (const TrafficCause& cause : causes.empty() ? any : causes) {
    auto of_cause = ColumnsOf(design, cause);
    if (!of_cause.empty()) columns.push_back(std::move(of_cause));
  }
  if (columns.empty()) {
    out.not_told = "neither serves such requests";
    return out;
  }
  const Requests n = RequestsOf(design, chosen.first, columns.front());
  for (const bool first : {true, false}) {
    const double mine = first ? n.a : n.b;
    if (mine < thresholds.min_compared_requests) {
      out.not_told = TooFew(first ? one : other, mine, n.a + n.b);
      return out;
    }
  }
  AtEqualMix(design, chosen.first, columns, out);
  out.mix = out.at_equal_mix->value > 0
                ? out.in_all.value / out.at_equal_mix->value
                : 0;
  if (!std::isfinite(out.at_equal_mix->hi)) {
    out.not_told =
        TooFew(n.b <= n.a ? other : one, std::min(n.a, n.b), n.a + n.b);
    out.at_equal_mix.reset();
    return out;
  }
  // Surely, and by more than is worth a word.
  const double strict = out.at_equal_mix->value -
                        thresholds.worse_margin *
                            (out.at_equal_mix->value - out.at_equal_mix->lo);
  out.worse_here =
      strict > 1 && out.at_equal_mix->value > thresholds.least_worse;
  return out;
}

}  // namespace plimsoll::collector

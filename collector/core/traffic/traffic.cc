#include "collector/core/traffic/traffic.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "collector/core/history/gauges.h"
#include "collector/core/text/format.h"
#include "collector/core/traffic/traffic_any.h"
#include "collector/core/traffic/traffic_checks.h"
#include "collector/core/traffic/traffic_design.h"
#include "collector/core/traffic/traffic_estimate.h"
#include "collector/core/traffic/traffic_fine.h"
#include "collector/core/traffic/traffic_fit.h"

namespace plimsoll::collector {
namespace {

using Eigen::Index;

constexpr size_t kMostInseparable = 5;
constexpr int kMostRounds = 4;
// Where to begin: as estimated without any column, which takes what a column
// explains for a walk, and close to white.
constexpr double kNearlyWhite = 0.03;
constexpr double kCannotTellShare = 0.5;
// More looks are believed where they make the error so much smaller: not where
// they see the teeth of a saw.
constexpr double kFinerBy = 0.8;
// Nobody waits longer for a cause.
constexpr double kLongestWait_s = 30 * 86400;

struct Search {
  WhiteDesign white;
  SearchResult found;
  double minus_two_log = 0;
};

// Noise and columns in turn, until the columns stay.
Search SearchFrom(const TrafficDesign& design, LevelNoise noise,
                  const TrafficThresholds& thresholds) {
  Search search;
  search.white = WhitenDesign(design, std::move(noise));
  search.found = SearchColumns(design, search.white, thresholds);
  for (int round = 0; round < kMostRounds; ++round) {
    const std::vector<Index> before = search.found.fit.columns;
    search.white =
        WhitenDesign(design, EstimateNoise(design.processes, before));
    search.found = SearchColumns(design, search.white, thresholds);
    if (search.found.fit.columns == before) break;
  }
  search.minus_two_log =
      MinusTwoLog(design.processes, search.found.fit.columns,
                  search.white.noise) +
      std::log(static_cast<double>(design.rows)) *
          static_cast<double>(search.found.fit.columns.size());
  return search;
}

Search BestSearch(const TrafficDesign& design,
                  const TrafficThresholds& thresholds) {
  LevelNoise noise = EstimateNoise(design.processes, {});
  Search best = SearchFrom(design, noise, thresholds);
  if (noise.walk > kNearlyWhite) {
    noise.walk = kNearlyWhite;
    Search other = SearchFrom(design, noise, thresholds);
    if (other.minus_two_log < best.minus_two_log) best = std::move(other);
  }
  return best;
}

double Sigma(const WhiteDesign& white, const ColumnFit& fit) {
  const double dof = static_cast<double>(white.free_rows()) -
                     static_cast<double>(fit.columns.size());
  return std::sqrt(fit.rss / std::max(1.0, dof));
}

Eigen::MatrixXd Columns(const WhiteDesign& white,
                        const std::vector<Index>& columns) {
  Eigen::MatrixXd x(white.x.rows(), static_cast<Index>(columns.size()));
  for (size_t i = 0; i < columns.size(); ++i) {
    x.col(static_cast<Index>(i)) = white.x.col(columns[i]);
  }
  return x;
}

void Drop(Index which, Search& search) {
  ColumnFit& fit = search.found.fit;
  std::vector<Index> rest = fit.columns;
  rest.erase(rest.begin() + which);
  search.found.rivals.erase(search.found.rivals.begin() + which);
  fit = FitColumns(search.white, rest, nullptr);
}

// Drops, worst first, what is not surely above zero. Each column had its
// chance to be chosen (Holm).
void KeepSure(const TrafficDesign& design, Search& search) {
  ColumnFit& fit = search.found.fit;
  while (!fit.columns.empty()) {
    const TrafficEstimate estimate =
        EstimateColumns(search.white, Columns(search.white, fit.columns));
    const Eigen::ArrayXd t =
        estimate.beta.array() / estimate.standard_error.array().max(1e-300);
    Index worst = 0;
    t.minCoeff(&worst);
    const double tests = static_cast<double>(design.names.size()) -
                         static_cast<double>(fit.columns.size()) + 1;
    if (t(worst) > TQuantile(estimate.dof, tests)) return;
    Drop(worst, search);
  }
}

// What only shares the course of the day with the cause.
void KeepConsistent(const TrafficDesign& design, Search& search) {
  for (;;) {
    const Index which =
        ContradictedInShortTerm(design, search.white, search.found.fit);
    if (which < 0) return;
    Drop(which, search);
  }
}

struct Group {
  std::vector<Index> others;
  bool joint = false;  // all of the same keys, so that none counts twice
  Separability separability;
};

// Siblings that move as it does, and what would do nearly as well in its place.
Group GroupOf(const TrafficDesign& design, const Search& search, size_t which,
              const TrafficThresholds& thresholds) {
  const Index column = search.found.fit.columns[which];
  const std::string& name = design.names[static_cast<size_t>(column)];
  Group group;
  group.separability =
      SeparabilityOf(design, search.white, column, thresholds.group_vif);
  group.others = group.separability.group;
  for (const Index rival : search.found.rivals[which]) {
    const std::string& other = design.names[static_cast<size_t>(rival)];
    // Of the same requests: it was chosen as the simplest of them. What is
    // left beside any request is of nearly all of them (traffic_any.h).
    const bool nested =
        !name.empty() && (IsPartOf(other, name) || IsPartOf(name, other));
    if (!nested && std::find(group.others.begin(), group.others.end(), rival) ==
                       group.others.end()) {
      group.others.push_back(rival);
    }
  }
  if (group.others.size() > kMostInseparable) {
    group.others.resize(kMostInseparable);
  }
  const std::vector<Index>& chosen = search.found.fit.columns;
  std::erase_if(group.others, [&](Index other) {
    return std::find(chosen.begin(), chosen.end(), other) != chosen.end();
  });
  group.joint =
      !group.others.empty() && !IsGauge(name) &&
      std::all_of(group.others.begin(), group.others.end(), [&](Index other) {
        return KeysOf(design.names[static_cast<size_t>(other)]) == KeysOf(name);
      });
  return group;
}

std::vector<std::string> ShownNames(const TrafficDesign& design,
                                    const std::vector<Index>& columns) {
  std::vector<std::string> names;
  for (const Index column : columns) {
    names.push_back(ShownName(design.names[static_cast<size_t>(column)]));
  }
  return names;
}

// All but the estimate.
StateCause StateOf(const TrafficDesign& design, size_t column,
                   const Group& group) {
  GaugeName gauge = ParseGaugeName(design.names[column]);
  StateCause state;
  state.gauge = std::move(gauge.metric);
  state.attributes = std::move(gauge.attributes);
  state.from = design.first_levels[column];
  state.to = state.from + design.requests[column];
  state.inseparable_from = ShownNames(design, group.others);
  return state;
}

// All but the estimate.
TrafficCause CauseOf(const TrafficDesign& design, const Search& search,
                     size_t which, const Group& group, double sigma) {
  const Index column = search.found.fit.columns[which];
  TrafficCause cause;
  cause.attributes = design.names[static_cast<size_t>(column)];
  cause.vif = group.separability.vif;
  cause.condition_index = group.separability.condition_index;
  cause.smallest_effect =
      SmallestEffect(search.white, column, sigma, cause.vif);
  cause.joint = group.joint;
  if (cause.attributes.empty()) cause.all_have = design.all_have;
  cause.inseparable_from = ShownNames(design, group.others);
  return cause;
}

// By column of a fit: with what it is named, and its figures.
struct Figures {
  std::vector<Group> groups;
  std::vector<double> requests;
  std::vector<Estimate> each;  // bytes per request
};

Figures FiguresOf(const std::vector<TrafficSeries>& processes,
                  const TrafficDesign& design, double tau_s,
                  const Search& search, const TrafficThresholds& thresholds) {
  const ColumnFit& fit = search.found.fit;
  Figures out;
  Eigen::MatrixXd x = Columns(search.white, fit.columns);
  std::vector<std::vector<std::string>> names;
  for (size_t i = 0; i < fit.columns.size(); ++i) {
    const size_t column = static_cast<size_t>(fit.columns[i]);
    out.groups.push_back(GroupOf(design, search, i, thresholds));
    out.requests.push_back(design.requests[column]);
    names.push_back({design.names[column]});
    if (!out.groups[i].joint) continue;
    for (const Index other : out.groups[i].others) {
      x.col(static_cast<Index>(i)) += search.white.x.col(other);
      out.requests[i] += design.requests[static_cast<size_t>(other)];
      names[i].push_back(design.names[static_cast<size_t>(other)]);
    }
  }
  const TrafficEstimate coarse = EstimateColumns(search.white, x);
  const auto fine = EstimateFinely(processes, design, tau_s, names, thresholds);
  for (Index i = 0; i < x.cols(); ++i) {
    const bool finer =
        fine && fine->standard_error(i) < kFinerBy * coarse.standard_error(i);
    const TrafficEstimate& best = finer ? *fine : coarse;
    const double half = TQuantile(best.dof, 1) * best.standard_error(i);
    const double beta = best.beta(i);
    out.each.push_back({beta, std::max(0.0, beta - half), beta + half});
  }
  return out;
}

// The causes of a fit that matter, largest share first.
void AddCauses(const TrafficDesign& design, const Search& search,
               const Figures& figures, const TrafficThresholds& thresholds,
               Traffic& out) {
  const ColumnFit& fit = search.found.fit;
  const double sigma = Sigma(search.white, fit);
  for (size_t i = 0; i < fit.columns.size(); ++i) {
    const Estimate& each = figures.each[i];
    const double share = each.value * figures.requests[i] / design.growth_bytes;
    const double placebo = PlaceboShare(search.white, fit, i);
    if (share < thresholds.min_leak_share || placebo > thresholds.max_placebo) {
      continue;
    }
    const size_t column = static_cast<size_t>(fit.columns[i]);
    if (design.names[column].empty()) {
      out.not_known =
          WhyNotAnyRequest(design, search.white, search.found, i, thresholds);
      if (!out.not_known.empty()) continue;
    }
    out.unexplained_share -= std::min(1.0, share);
    if (IsGauge(design.names[column])) {
      StateCause state = StateOf(design, column, figures.groups[i]);
      state.bytes_per_unit = each;
      state.share = std::min(1.0, share);
      state.placebo_share = placebo;
      out.states.push_back(std::move(state));
      continue;
    }
    TrafficCause cause = CauseOf(design, search, i, figures.groups[i], sigma);
    cause.bytes_per_request = each;
    cause.share = std::min(1.0, share);
    cause.requests = figures.requests[i];
    cause.placebo_share = placebo;
    out.causes.push_back(std::move(cause));
  }
  out.unexplained_share = std::max(0.0, out.unexplained_share);
  const auto larger = [](const auto& a, const auto& b) {
    return a.share > b.share;
  };
  std::stable_sort(out.causes.begin(), out.causes.end(), larger);
  std::stable_sort(out.states.begin(), out.states.end(), larger);
}

// What share of the leak a value of one attribute must cause to show: the
// median over the columns of one key.
double SmallestShare(const TrafficDesign& design, const Search& search) {
  const double sigma = Sigma(search.white, search.found.fit);
  std::vector<double> shares;
  for (size_t j = 0; j < design.names.size(); ++j) {
    const Index column = static_cast<Index>(j);
    if (SplitLabel(design.names[j]).size() != 1 || IsGauge(design.names[j])) {
      continue;
    }
    const double vif = SeparabilityOf(design, search.white, column, 1e9).vif;
    shares.push_back(SmallestEffect(search.white, column, sigma, vif) *
                     design.requests[j] / design.growth_bytes);
  }
  if (shares.empty()) return 0;
  std::nth_element(
      shares.begin(),
      shares.begin() + static_cast<std::ptrdiff_t>(shares.size() / 2),
      shares.end());
  return shares[shares.size() / 2];
}

std::string WhyNoCause(const TrafficDesign& design, const Search& search) {
  const double least = SmallestShare(design, search);
  const std::string basis = " (" + std::to_string(design.rows) + " looks at " +
                            std::to_string(design.names.size()) +
                            " attributes)";
  if (least <= kCannotTellShare) {
    return "no attribute's requests explain the growth; a value that caused "
           "more than " +
           FormatShare(least) + " of it would show" + basis;
  }
  const double seconds =
      std::accumulate(design.seconds.begin(), design.seconds.end(), 0.0) /
      static_cast<double>(design.processes.size());
  // The error falls with the root of the time at the least.
  const double more =
      seconds * (least * least / (kCannotTellShare * kCannotTellShare) - 1);
  if (!(more < kLongestWait_s)) {
    return "it cannot be told from such traffic: its requests are too few, or "
           "come too evenly, to be told from growth by time" +
           basis;
  }
  return "it cannot be told yet: no value of an attribute would show even if "
         "it caused half of the growth; that needs about " +
         FormatDuration(more) + " more of such traffic, or more processes" +
         basis;
}

std::string NotEnough(const TrafficDesign& design, Index needed) {
  return "only " + std::to_string(design.rows) +
         " looks at request counts so far, " + std::to_string(needed) +
         " needed";
}

}  // namespace

Traffic AttributeTraffic(const std::vector<TrafficSeries>& processes,
                         const TrafficThresholds& thresholds) {
  Traffic out;
  TrafficDesign design = BuildTrafficDesign(processes, thresholds);
  out.looks = design.rows;
  if (design.counted == 0) {
    out.not_known = "no request counts";
    return out;
  }
  const Index needed = thresholds.min_looks + 2 * design.counted;
  if (design.rows < needed || design.names.empty()) {
    out.not_known = NotEnough(design, needed);
    return out;
  }
  if (design.growth_bytes <= 0) {
    out.not_known = "no growth where requests are counted";
    return out;
  }
  double tau_s = AddAgeCurve({}, design);
  Search search = BestSearch(design, thresholds);
  // A leak's own irregular growth hides the curve, or looks like one.
  const double before_s =
      std::exchange(tau_s, AddAgeCurve(search.found.fit.columns, design));
  if (tau_s != before_s) search = BestSearch(design, thresholds);
  KeepSure(design, search);
  KeepConsistent(design, search);
  if (!search.found.fit.columns.empty()) {
    AddCauses(design, search,
              FiguresOf(processes, design, tau_s, search, thresholds),
              thresholds, out);
  }
  if (out.unexplained_share > thresholds.max_unexplained) {
    out.causes.clear();
    out.states.clear();
    out.unexplained_share = 1;
  }
  if (!out.causes.empty() || !out.states.empty()) {
    out.not_known.clear();
  } else if (out.not_known.empty()) {
    out.not_known = WhyNoCause(design, search);
  }
  return out;
}

}  // namespace plimsoll::collector

#include "collector/core/traffic/traffic_design.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "collector/core/history/gauges.h"
#include "collector/core/stats/robust_slope.h"
#include "collector/core/traffic/traffic_levels.h"

namespace plimsoll::collector {
namespace {

using Eigen::Index;

constexpr size_t kFewestLevels = 4;
// A life begins with imports and caches that no request explains.
constexpr int64_t kWarmUpNs = 600'000'000'000;
constexpr int64_t kWarmUpPart = 5;  // of its life at the most
// Shorter spacings than this part of the mean one say nothing of their own.
constexpr double kLeastSpacing = 1e-3;
// Levels of a process: of all columns, and of the few that were found.
constexpr size_t kFewLevels = 40, kMostLevels = 240, kMostFineLevels = 1440;
// Times the rows of all columns.
constexpr size_t kFineRows = 5;

// Memory of one process while its requests were counted, past its warm-up.
std::vector<Sample> Usable(const TrafficSeries& process,
                           const std::vector<int64_t>& looks) {
  std::vector<Sample> out;
  if (looks.size() < 2 || process.bytes.empty()) return out;
  int64_t from = looks.front();
  const int64_t to = looks.back();
  if (process.start_ns > 0 && to > process.start_ns) {
    from = std::max(
        from, process.start_ns +
                  std::min(kWarmUpNs, (to - process.start_ns) / kWarmUpPart));
  }
  for (const Sample& s : process.bytes) {
    if (s.time_ns >= from && s.time_ns <= to) out.push_back(s);
  }
  return out;
}

struct Candidate {
  std::vector<std::vector<Level>> levels;  // by process
  double roughness = 0;
};

// Squares of what neighbouring increments differ by: what no trend explains.
double Roughness(const std::vector<Level>& levels) {
  double sum = 0;
  for (size_t i = 2; i < levels.size(); ++i) {
    const double bend = BytesOf(levels[i]) - 2 * BytesOf(levels[i - 1]) +
                        BytesOf(levels[i - 2]);
    sum += bend * bend;
  }
  return sum;
}

std::vector<std::vector<Level>> Smoothest(
    const std::vector<std::vector<Sample>>& memory, size_t most) {
  std::vector<Candidate> all;
  for (const LevelKind kind : {LevelKind::kLowest, LevelKind::kMean}) {
    Candidate candidate;
    for (const std::vector<Sample>& samples : memory) {
      candidate.levels.push_back(LevelsOf(samples, most, kind));
      candidate.roughness += Roughness(candidate.levels.back());
    }
    all.push_back(std::move(candidate));
  }
  return all[0].roughness < all[1].roughness ? std::move(all[0].levels)
                                             : std::move(all[1].levels);
}

// Growth from the mean of the first levels to that of the last.
double Growth(const std::vector<Level>& levels) {
  const size_t n = levels.size();
  const size_t end = std::max<size_t>(1, n / 20);
  double first = 0, last = 0;
  for (size_t i = 0; i < end; ++i) {
    first += BytesOf(levels[i]);
    last += BytesOf(levels[n - 1 - i]);
  }
  const double per_step =
      (last - first) / static_cast<double>(end) / static_cast<double>(n - end);
  return per_step * static_cast<double>(n - 1);
}

// Counts of one label set, or its gauge, at the levels' moments.
template <typename Curve>
Eigen::VectorXd CountsAt(const Curve& curve, const std::vector<Level>& levels) {
  Eigen::VectorXd counts(static_cast<Index>(levels.size()));
  for (size_t i = 0; i < levels.size(); ++i) {
    double sum = 0;
    for (const Sample& s : levels[i]) sum += curve.At(s.time_ns);
    counts(static_cast<Index>(i)) = sum / static_cast<double>(levels[i].size());
  }
  return counts;
}

size_t Keys(const std::string& name) { return SplitLabel(name).size(); }

Eigen::VectorXd AgesOf(const std::vector<Level>& levels, int64_t start_ns) {
  if (start_ns <= 0) return {};
  Eigen::VectorXd ages(static_cast<Index>(levels.size()));
  for (size_t i = 0; i < levels.size(); ++i) {
    ages(static_cast<Index>(i)) =
        SecondsOf(levels[i]) - static_cast<double>(start_ns) / 1e9;
  }
  return ages;
}

struct Column {
  std::string name;
  double requests = 0, first_level = 0;
  std::vector<Eigen::VectorXd> rows;  // by process; empty: no such requests
};

Eigen::VectorXd RowsOf(const Column& column, size_t process, Index n) {
  const Eigen::VectorXd& rows = column.rows[process];
  return rows.size() == n ? rows : Eigen::VectorXd::Zero(n);
}

// A number that equal columns share and others hardly do.
double Signature(const Column& column) {
  double sum = 0, weight = 0.5;
  for (size_t p = 0; p < column.rows.size(); ++p) {
    for (Index i = 0; i < column.rows[p].size(); ++i) {
      weight = std::fmod(weight * 1.618 + 0.377 + static_cast<double>(p), 1);
      sum += weight * column.rows[p](i);
    }
  }
  return sum;
}

// Requests must be frequent enough; a gauge must have risen.
bool Matters(const Column& column, double any,
             const TrafficThresholds& thresholds) {
  if (IsGauge(column.name)) return column.requests > 0;
  return column.requests >= thresholds.min_request_share * any &&
         column.requests >= thresholds.min_requests;
}

// Those that matter, simplest first, none the same as a simpler one.
// `all_have`: the attributes that are the same as any request.
std::vector<Column> Choose(std::map<std::string, Column> all,
                           const TrafficThresholds& thresholds,
                           std::vector<std::string>& all_have) {
  const double any = all[""].requests;
  std::vector<Column> order;
  for (auto& [name, column] : all) {
    if (Matters(column, any, thresholds)) order.push_back(std::move(column));
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Column& a, const Column& b) {
                     const size_t ka = Keys(a.name), kb = Keys(b.name);
                     return ka != kb ? ka < kb : a.requests > b.requests;
                   });
  std::multimap<double, double> seen;  // requests: signature
  std::vector<Column> kept;
  for (Column& column : order) {
    if (kept.size() >= static_cast<size_t>(thresholds.max_columns)) break;
    const double signature = Signature(column);
    const double slack = 1e-7 * (1 + column.requests);
    bool same = false;
    for (auto at = seen.lower_bound(column.requests - slack);
         at != seen.end() && at->first <= column.requests + slack; ++at) {
      same = same || std::abs(at->second - signature) < slack;
    }
    if (same) {
      const bool every =
          std::abs(column.requests - any) <= slack && !IsGauge(column.name);
      if (every && Keys(column.name) == 1) all_have.push_back(column.name);
      continue;
    }
    seen.emplace(column.requests, signature);
    kept.push_back(std::move(column));
  }
  return kept;
}

// Columns by name while they are added up.
class ColumnSums {
 public:
  explicit ColumnSums(size_t processes) : processes_(processes) {}
  void Add(const std::vector<std::string>& names, size_t process,
           const Eigen::VectorXd& counts) {
    const Index n = counts.size() - 1;
    const Eigen::VectorXd steps = counts.tail(n) - counts.head(n);
    for (const std::string& name : names) {
      Column& column = columns_[name];
      column.name = name;
      column.rows.resize(processes_);
      Eigen::VectorXd& rows = column.rows[process];
      if (rows.size() == 0) rows = Eigen::VectorXd::Zero(n);
      rows += steps;
      column.requests += steps.sum();
      if (IsGauge(name)) column.first_level += counts(0);
    }
  }
  std::map<std::string, Column> Take() { return std::move(columns_); }

 private:
  const size_t processes_;
  std::map<std::string, Column> columns_;
};

// Of the names, those that are wanted; all where none is named.
std::vector<std::string> Wanted(std::vector<std::string> names,
                                const std::vector<std::string>& only) {
  std::erase_if(names, [&](const std::string& name) {
    return !only.empty() &&
           std::find(only.begin(), only.end(), name) == only.end();
  });
  return names;
}

// The requests of each attribute and pair, and the gauges, between the levels
// of each process. `only`: some of them; empty: all.
std::map<std::string, Column> AllColumns(
    const std::vector<TrafficSeries>& processes,
    const std::vector<size_t>& whose,
    const std::vector<std::vector<Level>>& levels,
    const std::vector<std::string>& only) {
  ColumnSums sums(levels.size());
  for (size_t p = 0; p < levels.size(); ++p) {
    const TrafficSeries& process = processes[whose[p]];
    const std::vector<int64_t> looks = LooksOf(process.requests);
    for (const auto& [label, samples] : process.requests) {
      const auto names = Wanted(NamesOf(label), only);
      if (samples.empty() || names.empty()) continue;
      sums.Add(names, p, CountsAt(CountCurve(samples, looks), levels[p]));
    }
    const std::vector<int64_t> gauge_looks = LooksOf(process.gauges);
    for (const auto& [name, samples] : process.gauges) {
      const auto names = Wanted(NamesOfGauge(name), only);
      if (samples.empty() || names.empty()) continue;
      sums.Add(names, p, CountsAt(GaugeCurve(samples, gauge_looks), levels[p]));
    }
  }
  return sums.Take();
}

ProcessRows RowsOfProcess(const std::vector<Level>& levels,
                          const std::vector<Column>& kept, size_t process,
                          double spacing) {
  const Index n = static_cast<Index>(levels.size()) - 1;
  ProcessRows rows;
  rows.dt.resize(n), rows.dy.resize(n);
  rows.dx.resize(n, static_cast<Index>(kept.size()));
  Index i = 0;
  for (auto b = levels.begin() + 1; b != levels.end(); ++b, ++i) {
    const auto a = b - 1;
    rows.dt(i) =
        std::max(kLeastSpacing, (SecondsOf(*b) - SecondsOf(*a)) / spacing);
    rows.dy(i) = BytesOf(*b) - BytesOf(*a);
  }
  Index j = 0;
  for (const Column& column : kept) {
    rows.dx.col(j++) = RowsOf(column, process, n);
  }
  rows.own = rows.dt;
  return rows;
}

TrafficDesign Build(const std::vector<TrafficSeries>& processes,
                    const TrafficThresholds& thresholds, size_t max_rows,
                    size_t max_levels, const std::vector<std::string>& only) {
  TrafficDesign design;
  std::vector<std::vector<Sample>> memory;
  for (size_t p = 0; p < processes.size(); ++p) {
    std::vector<int64_t> looks = LooksOf(processes[p].requests);
    if (looks.empty()) looks = LooksOf(processes[p].gauges);
    design.counted += looks.empty() ? 0 : 1;
    std::vector<Sample> samples = Usable(processes[p], looks);
    if (samples.size() < kFewestLevels) continue;
    design.whose.push_back(p);
    memory.push_back(std::move(samples));
  }
  if (memory.empty()) return design;
  const size_t most =
      std::clamp(max_rows / memory.size(), kFewLevels, max_levels);
  const auto levels = Smoothest(memory, most);
  const std::vector<Column> kept =
      Choose(AllColumns(processes, design.whose, levels, only), thresholds,
             design.all_have);
  std::sort(design.all_have.begin(), design.all_have.end());
  for (const Column& column : kept) {
    design.names.push_back(column.name);
    design.requests.push_back(column.requests);
    design.first_levels.push_back(column.first_level);
  }
  double all_seconds = 0;
  for (const std::vector<Level>& mine : levels) {
    design.seconds.push_back(SecondsOf(mine.back()) - SecondsOf(mine.front()));
    design.rows += static_cast<Index>(mine.size()) - 1;
    all_seconds += design.seconds.back();
    design.growth_bytes += Growth(mine);
  }
  const double spacing = all_seconds / static_cast<double>(design.rows);
  for (size_t p = 0; p < levels.size(); ++p) {
    design.processes.push_back(RowsOfProcess(levels[p], kept, p, spacing));
    design.ages_s.push_back(
        AgesOf(levels[p], processes[design.whose[p]].start_ns));
  }
  return design;
}

}  // namespace

TrafficDesign BuildTrafficDesign(const std::vector<TrafficSeries>& processes,
                                 const TrafficThresholds& thresholds) {
  return Build(processes, thresholds, static_cast<size_t>(thresholds.max_rows),
               kMostLevels, {});
}

TrafficDesign BuildFineDesign(const std::vector<TrafficSeries>& processes,
                              const TrafficThresholds& thresholds,
                              const std::vector<std::string>& columns) {
  return Build(processes, thresholds,
               kFineRows * static_cast<size_t>(thresholds.max_rows),
               kMostFineLevels, columns);
}

static std::vector<Index> ColumnsNamed(const TrafficDesign& design,
                                       const std::vector<std::string>& names) {
  std::vector<Index> out;
  for (size_t j = 0; j < design.names.size(); ++j) {
    if (std::find(names.begin(), names.end(), design.names[j]) != names.end()) {
      out.push_back(static_cast<Index>(j));
    }
  }
  return out;
}

std::vector<Index> ColumnsOf(const TrafficDesign& design,
                             const TrafficCause& cause) {
  std::vector<std::string> names = {cause.attributes};
  if (cause.joint) {
    names.insert(names.end(), cause.inseparable_from.begin(),
                 cause.inseparable_from.end());
  }
  return ColumnsNamed(design, names);
}

std::vector<Index> ColumnsOf(const TrafficDesign& design,
                             const StateCause& cause) {
  return ColumnsNamed(design, {ToString({cause.gauge, cause.attributes})});
}

}  // namespace plimsoll::collector

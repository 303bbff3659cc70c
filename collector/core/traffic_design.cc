#include "collector/core/traffic_design.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace plimsoll::collector {
namespace {

// Of one process; more are thinned evenly.
constexpr size_t kMostLooks = 400;

std::vector<std::string> Split(const std::string& label) {
  std::vector<std::string> parts;
  size_t from = 0;
  while (from < label.size()) {
    const size_t comma = std::min(label.find(',', from), label.size());
    parts.push_back(label.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

// "", each k=v, each pair of them.
std::vector<std::string> NamesOf(const std::string& label) {
  const std::vector<std::string> parts = Split(label);
  std::vector<std::string> names = {""};
  names.insert(names.end(), parts.begin(), parts.end());
  for (size_t i = 0; i < parts.size(); ++i) {
    for (size_t j = i + 1; j < parts.size(); ++j) {
      names.push_back(parts[i] + "," + parts[j]);
    }
  }
  return names;
}

// When requests were looked at, inside the span of the memory samples.
std::vector<int64_t> Looks(const TrafficSeries& process) {
  std::set<int64_t> times;
  for (const auto& [label, samples] : process.requests) {
    for (const Sample& s : samples) times.insert(s.time_ns);
  }
  std::vector<int64_t> looks;
  for (int64_t t : times) {
    if (!process.bytes.empty() && t >= process.bytes.front().time_ns &&
        t <= process.bytes.back().time_ns) {
      looks.push_back(t);
    }
  }
  if (looks.size() <= kMostLooks) return looks;
  std::vector<int64_t> thinned;
  for (size_t i = 0; i < kMostLooks; ++i) {
    thinned.push_back(looks[i * (looks.size() - 1) / (kMostLooks - 1)]);
  }
  return thinned;
}

using Columns = std::map<std::string, std::vector<double>>;

// Rows of one process, not swept yet.
struct Rows {
  Columns columns;
  std::vector<double> y;
};

Rows RowsOf(const TrafficSeries& process) {
  Rows rows;
  const std::vector<int64_t> looks = Looks(process);
  if (looks.size() < 3) return rows;
  const size_t n = looks.size() - 1;
  for (size_t i = 0; i < n; ++i) {
    rows.y.push_back(ValueAt(process.bytes, looks[i + 1]) -
                     ValueAt(process.bytes, looks[i]));
  }
  for (const auto& [label, samples] : process.requests) {
    for (const std::string& name : NamesOf(label)) {
      std::vector<double>& column = rows.columns[name];
      column.resize(n);
      for (size_t i = 0; i < n; ++i) {
        column[i] +=
            RequestsBetween(samples, looks.front(), looks[i], looks[i + 1]);
      }
    }
  }
  return rows;
}

size_t Keys(const std::string& name) {
  return name.empty() ? 0
                      : 1 + static_cast<size_t>(
                                std::count(name.begin(), name.end(), ','));
}

// The columns to keep: frequent enough, none the same as a simpler one.
std::vector<std::string> Choose(const std::map<std::string, double>& totals,
                                const Eigen::MatrixXd& all,
                                const std::vector<std::string>& order,
                                const TrafficThresholds& thresholds) {
  std::vector<std::string> kept;
  std::vector<Eigen::Index> kept_at;
  const auto any = totals.find("");
  if (any == totals.end()) return kept;
  for (size_t j = 0; j < order.size(); ++j) {
    const Eigen::Index column = static_cast<Eigen::Index>(j);
    if (totals.at(order[j]) < thresholds.min_request_share * any->second ||
        kept.size() >= static_cast<size_t>(thresholds.max_columns)) {
      continue;
    }
    const bool same =
        std::any_of(kept_at.begin(), kept_at.end(), [&](Eigen::Index k) {
          return (all.col(k) - all.col(column)).cwiseAbs().maxCoeff() < 1e-9;
        });
    if (same) continue;
    kept.push_back(order[j]);
    kept_at.push_back(column);
  }
  return kept;
}

}  // namespace

double ValueAt(const std::vector<Sample>& series, int64_t time_ns) {
  if (series.empty()) return 0;
  const auto after = std::lower_bound(
      series.begin(), series.end(), time_ns,
      [](const Sample& s, int64_t t) { return s.time_ns < t; });
  if (after == series.begin()) return after->value;
  if (after == series.end()) return series.back().value;
  const Sample& a = *(after - 1);
  const double part = static_cast<double>(time_ns - a.time_ns) /
                      static_cast<double>(after->time_ns - a.time_ns);
  return a.value + part * (after->value - a.value);
}

int64_t FirstLook(const TrafficSeries& process) {
  int64_t first = std::numeric_limits<int64_t>::max();
  for (const auto& [label, samples] : process.requests) {
    if (!samples.empty()) first = std::min(first, samples.front().time_ns);
  }
  return first;
}

double RequestsBetween(const std::vector<Sample>& samples, int64_t first_look,
                       int64_t from_ns, int64_t to_ns) {
  if (samples.empty()) return 0;
  const auto value = [&](int64_t t) {
    if (t < samples.front().time_ns && samples.front().time_ns > first_look) {
      return 0.0;
    }
    return ValueAt(samples, t);
  };
  return std::max(0.0, value(to_ns) - value(from_ns));
}

bool IsParent(const std::string& parent, const std::string& child) {
  const std::vector<std::string> inner = Split(child);
  for (const std::string& part : Split(parent)) {
    if (std::find(inner.begin(), inner.end(), part) == inner.end()) {
      return false;
    }
  }
  return true;
}

TrafficDesign BuildTrafficDesign(const std::vector<TrafficSeries>& processes,
                                 const TrafficThresholds& thresholds) {
  TrafficDesign design;
  std::vector<Rows> blocks;
  std::map<std::string, double> totals;
  Eigen::Index rows = 0;
  for (const TrafficSeries& process : processes) {
    Rows block = RowsOf(process);
    if (block.y.empty() || block.columns.empty()) continue;
    rows += static_cast<Eigen::Index>(block.y.size());
    for (const auto& [name, column] : block.columns) {
      for (double v : column) totals[name] += v;
    }
    blocks.push_back(std::move(block));
  }
  design.processes = static_cast<int>(blocks.size());
  std::vector<std::string> order;
  for (const auto& [name, total] : totals) order.push_back(name);
  std::stable_sort(order.begin(), order.end(),
                   [&](const std::string& a, const std::string& b) {
                     if (Keys(a) != Keys(b)) return Keys(a) < Keys(b);
                     return totals.at(a) > totals.at(b);
                   });
  Eigen::MatrixXd all =
      Eigen::MatrixXd::Zero(rows, static_cast<Eigen::Index>(order.size()));
  design.y = Eigen::VectorXd::Zero(rows);
  Eigen::Index row = 0;
  for (const Rows& block : blocks) {
    const Eigen::Index n = static_cast<Eigen::Index>(block.y.size());
    design.y.segment(row, n) =
        Eigen::Map<const Eigen::VectorXd>(block.y.data(), n);
    design.growth_bytes += design.y.segment(row, n).sum();
    design.y.segment(row, n).array() -= design.y.segment(row, n).mean();
    for (size_t j = 0; j < order.size(); ++j) {
      const auto at = block.columns.find(order[j]);
      if (at == block.columns.end()) continue;
      auto part = all.col(static_cast<Eigen::Index>(j)).segment(row, n);
      part = Eigen::Map<const Eigen::VectorXd>(at->second.data(), n);
      part.array() -= part.mean();
    }
    design.first_rows.push_back(row);
    row += n;
  }
  design.first_rows.push_back(rows);
  design.names = Choose(totals, all, order, thresholds);
  design.x.resize(rows, static_cast<Eigen::Index>(design.names.size()));
  for (size_t j = 0; j < design.names.size(); ++j) {
    const auto at = std::find(order.begin(), order.end(), design.names[j]);
    design.x.col(static_cast<Eigen::Index>(j)) =
        all.col(static_cast<Eigen::Index>(at - order.begin()));
    design.requests.push_back(totals.at(design.names[j]));
  }
  return design;
}

}  // namespace plimsoll::collector

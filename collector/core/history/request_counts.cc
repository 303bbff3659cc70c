#include "collector/core/history/request_counts.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

// Counts are looked at each 15 s and more: two looks at least.
constexpr int64_t kLeastRateNs = 60'000'000'000;

}  // namespace

std::vector<std::string> SplitLabel(const std::string& label) {
  std::vector<std::string> parts;
  size_t from = 0;
  while (from < label.size()) {
    const size_t comma = std::min(label.find(',', from), label.size());
    std::string part = label.substr(from, comma - from);
    // A comma within a value.
    if (part.find('=') == std::string::npos && !parts.empty()) {
      parts.back() += "," + part;
    } else {
      parts.push_back(std::move(part));
    }
    from = comma + 1;
  }
  return parts;
}

std::vector<std::string> NamesOf(const std::string& label) {
  const std::vector<std::string> parts = SplitLabel(label);
  std::vector<std::string> names = {""};
  names.insert(names.end(), parts.begin(), parts.end());
  for (size_t i = 0; i < parts.size(); ++i) {
    for (size_t j = i + 1; j < parts.size(); ++j) {
      names.push_back(parts[i] + "," + parts[j]);
    }
  }
  return names;
}

bool IsParent(const std::string& parent, const std::string& child) {
  const std::vector<std::string> inner = SplitLabel(child);
  for (const std::string& part : SplitLabel(parent)) {
    if (std::find(inner.begin(), inner.end(), part) == inner.end()) {
      return false;
    }
  }
  return true;
}

std::string KeysOf(const std::string& name) {
  std::string keys;
  for (const std::string& part : SplitLabel(name)) {
    if (!keys.empty()) keys += ',';
    keys += part.substr(0, part.find('='));
  }
  return keys;
}

CountCurve::CountCurve(const std::vector<Sample>& samples,
                       const std::vector<int64_t>& looks) {
  double above = 0, last = 0;
  steps_.reserve(samples.size() + 1);
  for (const Sample& s : samples) {
    if (steps_.empty()) {
      const auto mine = std::lower_bound(looks.begin(), looks.end(), s.time_ns);
      if (mine != looks.begin()) steps_.push_back({*(mine - 1), 0});
    } else if (s.value < last) {
      above += last;
    }
    last = s.value;
    steps_.push_back({s.time_ns, above + s.value});
  }
}

double CountCurve::At(int64_t time_ns) const {
  return LinearAt(steps_, time_ns);
}

double LinearAt(const std::vector<Sample>& samples, int64_t time_ns) {
  if (samples.empty()) return 0;
  const auto after = std::lower_bound(
      samples.begin(), samples.end(), time_ns,
      [](const Sample& s, int64_t t) { return s.time_ns < t; });
  if (after == samples.begin()) return after->value;
  if (after == samples.end()) return samples.back().value;
  const Sample& before = *(after - 1);
  const double part = static_cast<double>(time_ns - before.time_ns) /
                      static_cast<double>(after->time_ns - before.time_ns);
  return before.value + part * (after->value - before.value);
}

std::vector<int64_t> LooksOf(const RequestSeries& requests) {
  std::vector<int64_t> looks;
  for (const auto& [label, samples] : requests) {
    // Most label sets are there at the looks of those before.
    auto at = looks.begin();
    bool known = true;
    for (const Sample& s : samples) {
      while (at != looks.end() && *at < s.time_ns) ++at;
      known = known && at != looks.end() && *at == s.time_ns;
    }
    if (known) continue;
    for (const Sample& s : samples) looks.push_back(s.time_ns);
    std::sort(looks.begin(), looks.end());
    looks.erase(std::unique(looks.begin(), looks.end()), looks.end());
  }
  return looks;
}

double RequestsWith(const RequestSeries& requests,
                    const std::string& attributes, int64_t from_ns,
                    int64_t to_ns) {
  const std::vector<int64_t> looks = LooksOf(requests);
  double sum = 0;
  for (const auto& [label, samples] : requests) {
    if (samples.empty() || !IsParent(attributes, label)) continue;
    const CountCurve curve(samples, looks);
    sum += curve.At(to_ns) - curve.At(from_ns);
  }
  return sum;
}

std::optional<double> RequestRate(const RequestSeries& requests,
                                  const std::string& attributes,
                                  int64_t from_ns, int64_t to_ns) {
  const std::vector<int64_t> looks = LooksOf(requests);
  if (looks.empty()) return std::nullopt;
  const int64_t from = std::max(from_ns, looks.front());
  const int64_t to = std::min(to_ns, looks.back());
  if (to - from < kLeastRateNs) return std::nullopt;
  return RequestsWith(requests, attributes, from, to) * 1e9 /
         static_cast<double>(to - from);
}

}  // namespace plimsoll::collector

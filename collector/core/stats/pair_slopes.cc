#include "collector/core/stats/pair_slopes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace plimsoll::collector {
namespace {

// From here on the median is looked for near that of a sample of the slopes.
constexpr size_t kManyPairs = 1500;
constexpr size_t kSampleOneOf = 32, kFewestSampled = 128, kMostSampled = 1024;
constexpr double kDeviations = 3.5;  // of a sample's median, to either side
// Shorter runs are sorted by insertion.
constexpr std::ptrdiff_t kRun = 8;

struct Placed {
  double key, t_s, y;  // key: y - slope t
};

std::vector<Placed> PlaceBy(double slope, const Epoch& epoch) {
  std::vector<Placed> out;
  out.reserve(epoch.size());
  for (const Point& p : epoch) {
    out.push_back({p.y - slope * p.t_s, p.t_s, p.y});
  }
  return out;
}

// Sorts [from, to) by key, stable. Shows each element that passes others, with
// those that it passes: all pairs that stood in the wrong order, each once.
template <typename Passes>
void SortShowing(Placed* from, Placed* to, Placed* spare, Passes& passes) {
  if (to - from < 2) return;  // and of nothing, whose pointers are null
  if (to - from <= kRun) {
    for (Placed* next = from + 1; next < to; ++next) {
      const Placed moved = *next;
      Placed* at = next;
      while (at > from && moved.key < (at - 1)->key) --at;
      if (at == next) continue;
      passes(at, next, moved);
      std::move_backward(at, next, next + 1);
      *at = moved;
    }
    return;
  }
  Placed* const middle = from + (to - from) / 2;
  SortShowing(from, middle, spare, passes);
  SortShowing(middle, to, spare, passes);
  Placed *a = from, *b = middle, *out = spare;
  while (a < middle && b < to) {
    if (b->key < a->key) {
      passes(a, middle, *b);
      *out++ = *b++;
    } else {
      *out++ = *a++;
    }
  }
  out = std::copy(a, middle, out);  // what is left of b is in its place
  std::copy(spare, out, from);
}

template <typename Passes>
void SortShowing(std::vector<Placed>& points, std::vector<Placed>& spare,
                 Passes passes) {
  spare.resize(std::max(spare.size(), points.size()));
  SortShowing(points.data(), points.data() + points.size(), spare.data(),
              passes);
}

struct Shape {
  size_t pairs = 0;  // of two times
  double shortest_s = std::numeric_limits<double>::infinity();
  bool in_order = true;
};

// Puts points of one time, which are no pair, in the order of their levels, so
// that no slope turns them round.
Shape Arrange(std::vector<Epoch>& epochs) {
  Shape out;
  for (Epoch& epoch : epochs) {
    const size_t n = epoch.size();
    out.pairs += n * (n - std::min<size_t>(n, 1)) / 2;
    for (size_t i = 0; i < n;) {
      size_t j = i + 1;
      while (j < n && epoch[j].t_s == epoch[i].t_s) ++j;
      out.pairs -= (j - i) * (j - i - 1) / 2;
      std::sort(epoch.begin() + static_cast<std::ptrdiff_t>(i),
                epoch.begin() + static_cast<std::ptrdiff_t>(j),
                [](const Point& a, const Point& b) { return a.y < b.y; });
      if (j < n) {
        const double step = epoch[j].t_s - epoch[i].t_s;
        out.in_order = out.in_order && step > 0;
        out.shortest_s = std::min(out.shortest_s, step);
      }
      i = j;
    }
  }
  return out;
}

template <typename Visit>
void ForEachSlope(const std::vector<Epoch>& epochs, Visit visit) {
  for (const Epoch& epoch : epochs) {
    for (size_t i = 0; i < epoch.size(); ++i) {
      for (size_t j = i + 1; j < epoch.size(); ++j) {
        const double dt = epoch[j].t_s - epoch[i].t_s;
        if (dt > 0) visit((epoch[j].y - epoch[i].y) / dt);
      }
    }
  }
}

struct Bracket {
  double lo = 0, hi = 0;
};

// Bounds that the median of all slopes is most likely between: of a sample.
std::optional<Bracket> BracketOf(const std::vector<Epoch>& epochs,
                                 size_t pairs) {
  std::vector<double> sample;
  size_t next = 0, at = 0;
  const size_t wanted =
      std::clamp(pairs / kSampleOneOf, kFewestSampled, kMostSampled);
  const size_t step = pairs / wanted;
  for (const Epoch& epoch : epochs) {
    for (size_t i = 0; i < epoch.size(); ++i) {
      const size_t row = epoch.size() - i - 1;
      for (; next < at + row; next += step) {
        const Point& b = epoch[i + 1 + (next - at)];
        const double dt = b.t_s - epoch[i].t_s;
        if (dt > 0) sample.push_back((b.y - epoch[i].y) / dt);
      }
      at += row;
    }
  }
  if (sample.size() < wanted / 2) return std::nullopt;
  const size_t middle = sample.size() / 2;
  const size_t each = static_cast<size_t>(
      kDeviations / 2 * std::sqrt(static_cast<double>(sample.size())));
  const auto lo = sample.begin() + static_cast<std::ptrdiff_t>(middle - each);
  const auto hi = sample.begin() + static_cast<std::ptrdiff_t>(middle + each);
  std::nth_element(sample.begin(), lo, sample.end());
  std::nth_element(lo + 1, hi, sample.end());
  return Bracket{*lo, *hi};
}

// How far a slope has to be from another one for rounding not to change the
// order of two points' keys: 32 units in the last place of the largest term,
// over the shortest time.
double Blur(const std::vector<Epoch>& epochs, const Bracket& bracket,
            double shortest_s) {
  const double steepest = std::max(std::abs(bracket.lo), std::abs(bracket.hi));
  double largest = 0;
  for (const Epoch& epoch : epochs) {
    for (const Point& p : epoch) {
      largest = std::max(largest, std::abs(p.y) + steepest * std::abs(p.t_s));
    }
  }
  return 0x1p-48 * largest / shortest_s;
}

// The slopes that are in a bracket, and how many are below it.
struct Caught {
  size_t below = 0, in = 0;
  std::unique_ptr<double[]> slopes;  // in it; if it is one slope, not kept
};

// Pairs that stand in time order at the bracket's low end and not at its high
// end, each widened so that rounding hides none: only their slopes are made.
Caught Catch(const std::vector<Epoch>& epochs, const Bracket& bracket,
             double blur, size_t most) {
  Caught out;
  const bool one = bracket.lo == bracket.hi;
  // Not set to zero: that would cost more than what is caught.
  out.slopes = std::make_unique_for_overwrite<double[]>(one ? 0 : most + 1);
  std::vector<Placed> spare;
  for (const Epoch& epoch : epochs) {
    std::vector<Placed> points = PlaceBy(bracket.lo - blur, epoch);
    SortShowing(points, spare,
                [&](const Placed* from, const Placed* to, const Placed&) {
                  out.below += static_cast<size_t>(to - from);
                });
    for (Placed& p : points) p.key = p.y - (bracket.hi + blur) * p.t_s;
    SortShowing(
        points, spare,
        [&](const Placed* from, const Placed* to, const Placed& passing) {
          if (!one && out.in + static_cast<size_t>(to - from) > most) {
            out.in = most + 1;  // too many
            return;
          }
          for (; from < to; ++from) {
            const double slope =
                (passing.y - from->y) / (passing.t_s - from->t_s);
            out.below += slope < bracket.lo;
            if (!one) out.slopes[out.in] = slope;
            out.in += slope >= bracket.lo && slope <= bracket.hi;
          }
        });
  }
  return out;
}

// Nothing where the median is outside the bracket, or too much is in it.
std::optional<double> MedianOfMany(const std::vector<Epoch>& epochs,
                                   const Shape& shape) {
  const size_t pairs = shape.pairs;
  const auto found = BracketOf(epochs, pairs);
  if (!found) return std::nullopt;
  const Bracket bracket = *found;
  const double blur = Blur(epochs, bracket, shape.shortest_s);
  const size_t most = pairs / 2;
  Caught caught = Catch(epochs, bracket, blur, most);
  const size_t middle = pairs / 2, least = pairs % 2 == 1 ? middle : middle - 1;
  if (least < caught.below || middle - caught.below >= caught.in) {
    return std::nullopt;
  }
  if (bracket.lo == bracket.hi) return bracket.lo;
  if (caught.in > most) return std::nullopt;
  double* const begin = caught.slopes.get();
  double* const nth = begin + (middle - caught.below);
  std::nth_element(begin, nth, begin + caught.in);
  if (pairs % 2 == 1) return *nth;
  return 0.5 * (*nth + *std::max_element(begin, nth));
}

}  // namespace

std::optional<double> MedianPairSlope(std::vector<Epoch> epochs) {
  const Shape shape = Arrange(epochs);
  if (shape.pairs >= kManyPairs && shape.in_order) {
    if (const auto median = MedianOfMany(epochs, shape)) return median;
  }
  std::vector<double> slopes;
  slopes.reserve(shape.pairs);
  ForEachSlope(epochs, [&](double slope) { slopes.push_back(slope); });
  if (slopes.empty()) return std::nullopt;
  return Median(std::move(slopes));
}

PairCount CountPairs(const Epoch& epoch, double slope) {
  std::vector<Placed> points = PlaceBy(slope, epoch), spare;
  size_t falls = 0, equal = 0;
  SortShowing(points, spare,
              [&](const Placed* from, const Placed* to, const Placed&) {
                falls += static_cast<size_t>(to - from);
              });
  PairCount out;
  for (size_t i = 0; i < points.size();) {
    size_t j = i;
    while (j < points.size() && points[j].key == points[i].key) ++j;
    equal += (j - i) * (j - i - 1) / 2;
    const double q = static_cast<double>(j - i);
    out.ties += q * (q - 1) * (2 * q + 5);
    i = j;
  }
  const size_t pairs =
      points.size() * (points.size() - std::min<size_t>(points.size(), 1)) / 2;
  out.rises_less_falls =
      static_cast<double>(pairs - equal) - 2 * static_cast<double>(falls);
  return out;
}

}  // namespace plimsoll::collector

// How likely what was seen of a version's lives is, by when their growth began:
// a leak at a pace of its own from the onset on, that may turn once, beside
// noise that follows itself, of a size and a memory that are summed over
// (onset_time.h). Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_ONSET_LIKELIHOOD_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_ONSET_LIKELIHOOD_H_

#include <array>
#include <cstddef>
#include <vector>

namespace plimsoll::collector {

inline constexpr double kOnsetGrid_s = 300;  // ages at which lives are compared
// How a leak may turn once: where, of the time since it began, and how fast it
// is then, of what it was.
inline constexpr std::array<double, 2> kOnsetTurns = {1.0 / 3, 2.0 / 3};
inline constexpr std::array<double, 4> kOnsetTurned = {0.4, 0.65, 1.5, 2.5};
inline constexpr double kOnsetStraight = 0.5;
// How noise follows itself from one age to the next.
inline constexpr std::array<double, 8> kNoiseFollows = {0,   0.3, 0.5,  0.65,
                                                        0.8, 0.9, 0.95, 0.98};

struct OnsetLife {
  double from_s = 0;  // since the version came
  // On the grid, rising, and what it has then over those before it.
  std::vector<double> ages_s, over;
};

class OnsetLikelihood {
 public:
  // Each life has points, of which such a share is `independent`.
  OnsetLikelihood(const std::vector<OnsetLife>& lives, double independent);

  // From when the version came to the last point.
  double span_s() const { return span_s_; }

  // The log of it, for an onset so long after the version came.
  double Of(double onset_s) const;

 private:
  using ByMemory = std::array<double, kNoiseFollows.size()>;
  struct Shape;
  class Beside;
  // What is over at an age, as its noise would be without memory: each less
  // what the last one makes likely.
  struct Whitened {
    ByMemory follows{}, scale{}, y{}, one{};
  };
  struct Life {
    std::vector<double> at_s;  // since the version came
    std::vector<Whitened> points;
    ByMemory y2{}, one2{}, y1{};  // sums of squares and products
    ByMemory log_weight{};
  };

  static Life WhitenedOf(const OnsetLife& life);
  ByMemory OfShape(std::vector<Beside> lives, const Shape& shape,
                   double prior) const;

  std::vector<Life> lives_;
  double independent_;
  double points_ = 0, span_s_ = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_ONSET_LIKELIHOOD_H_

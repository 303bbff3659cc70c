// Shares of what rows of samples stand for, with their intervals. Plain values;
// nobody owns anything; any thread; no errors.
//
// Interval: Wilson's score interval at 95 % over the effective sample size
// (Kish: (sum of weights)^2 / sum of squares), which equal weights leave at n.
#ifndef PLIMSOLL_BASE_SAMPLED_SHARE_H_
#define PLIMSOLL_BASE_SAMPLED_SHARE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace plimsoll {

struct SampledRow {
  double stands_for = 0;  // of what is shared out; 0: each sample is one
  int64_t samples = 0;
};

struct ShareInterval {
  double share = 0;
  double low = 0;
  double high = 0;
};

// Of each row, in [0, 1]. Where no row has a sample: {0, 0, 1}.
inline std::vector<ShareInterval> SampledShares(
    std::span<const SampledRow> rows) {
  constexpr double kZ95 = 1.959964;
  constexpr double kZ2 = kZ95 * kZ95;
  const auto sum_of = [](const SampledRow& row) {
    const auto n = static_cast<double>(std::max<int64_t>(0, row.samples));
    return n == 0 || row.stands_for > 0 ? std::max(0.0, row.stands_for) : n;
  };
  double all = 0, squares = 0;
  for (const SampledRow& row : rows) {
    if (row.samples <= 0) continue;
    const double sum = sum_of(row);
    all += sum;
    squares += sum * sum / static_cast<double>(row.samples);
  }
  std::vector<ShareInterval> out;
  for (const SampledRow& row : rows) {
    if (all <= 0 || squares <= 0) {
      out.push_back({0, 0, 1});
      continue;
    }
    const double n = all * all / squares;
    const double p = row.samples > 0 ? sum_of(row) / all : 0;
    const double centre = (p + kZ2 / (2 * n)) / (1 + kZ2 / n);
    const double half =
        kZ95 * std::sqrt(p * (1 - p) / n + kZ2 / (4 * n * n)) / (1 + kZ2 / n);
    out.push_back({p, std::clamp(centre - half, 0.0, p),
                   std::clamp(centre + half, p, 1.0)});
  }
  return out;
}

}  // namespace plimsoll

#endif  // PLIMSOLL_BASE_SAMPLED_SHARE_H_

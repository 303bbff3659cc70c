#include "collector/core/nnls.h"

#include <algorithm>
#include <cmath>

namespace plimsoll::collector {

Eigen::VectorXd SolveNnls(const Eigen::MatrixXd& gram,
                          const Eigen::VectorXd& cross) {
  constexpr int kMostSweeps = 1000;
  constexpr double kSmallChange = 1e-10;
  const Eigen::Index n = cross.size();
  Eigen::VectorXd b = Eigen::VectorXd::Zero(n);
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double change = 0, size = 0;
    for (Eigen::Index j = 0; j < n; ++j) {
      if (gram(j, j) <= 0) continue;
      const double gradient = cross(j) - gram.row(j).dot(b);
      const double next = std::max(0.0, b(j) + gradient / gram(j, j));
      change = std::max(change, std::abs(next - b(j)));
      size = std::max(size, next);
      b(j) = next;
    }
    if (change <= kSmallChange * size) break;
  }
  return b;
}

}  // namespace plimsoll::collector

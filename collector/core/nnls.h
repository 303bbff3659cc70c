// Least squares with coefficients that are not negative, by coordinate descent
// on the Gram matrix (Slawski and Hein 2011; streaming: Gram matrices add).
#ifndef PLIMSOLL_COLLECTOR_CORE_NNLS_H_
#define PLIMSOLL_COLLECTOR_CORE_NNLS_H_

#include <Eigen/Core>

namespace plimsoll::collector {

// argmin over b >= 0 of b'Gb - 2c'b, G = X'X (a column of zeros keeps 0),
// c = X'y. Stops at a relative change of 1e-10 or after 1,000 sweeps.
Eigen::VectorXd SolveNnls(const Eigen::MatrixXd& gram,
                          const Eigen::VectorXd& cross);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_NNLS_H_

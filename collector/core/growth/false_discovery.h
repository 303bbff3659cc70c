// Many tests at once: how sure each must be so that what is claimed is mostly
// true. Benjamini and Hochberg, Journal of the Royal Statistical Society B 57,
// 1995. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_FALSE_DISCOVERY_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_FALSE_DISCOVERY_H_

#include <cstddef>
#include <vector>

namespace plimsoll::collector {

// The bar on z, one-sided: of the tests at or above it at most `rate` are
// chance, however many there are. Infinite where none can be claimed. `tests`:
// how many there were in all, where those without any trend are not in `zs`.
double LeastZ(const std::vector<double>& zs, double rate, size_t tests = 0);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_FALSE_DISCOVERY_H_

// What the censuses of a made-up process say of its types: live bytes of each.
//
// A workload has a table of builtin types (dict, str, list, ...) and of eight
// classes of its own, whose names are numbers. Everything that is in use is
// spread over them by shares that are drawn for the workload, and no type is
// one thing only:
//   base        .3 to .9 of it over all types, the rest is no Python object;
//               each type wanders by .05 to 3 % of what it has;
//   noise       as the base;
//   requests in flight, saw, warm-up, cache, pressure (where it is in use),
//               step, load
//               each over one to three builtins, and in half of the cases one
//               of the classes, which has .05 to .6 of it, the same class often
//               for several of them;
//   the leak    the same: in half of the workloads a class and what it owns, in
//               the others builtins alone; in one of six it is no Python
//               object, and no type has it.
// So a class that leaks is often the one that is in a cache too or waits with
// the load. Beside that one to three types creep: .0002 to .01 of the limit,
// ever slower with a time constant of 1 to 24 h, out of the part of the base
// that is no object; the memory is the same with them.
//
// A census counts exactly, or (in a third of the workloads) one object in four
// to one in 32: with the error of that, of objects of 40 to 400 bytes.
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_TYPE_MAKER_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_TYPE_MAKER_H_

#include <array>
#include <cstddef>
#include <vector>

#include "tests/bench/verdict/process_model.h"

namespace plimsoll::bench {

// One of `Parts`, or the leak, over the types.
using Spread = std::array<double, kTypes>;

// Of a workload.
struct TypeTraits {
  Spread base, in_flight, saw, warm, cache, pressure, step, load, leak;
  Spread wander{};   // of what a type has, one standard deviation
  Spread creep{};    // bytes in the end
  Spread creep_s{};  // time constants
  Spread object{};   // bytes of one
  double wander_s = 600;
  double one_in = 1;  // that a census counts
};
TypeTraits DrawTypeTraits(const Traits& traits, Random& random);

class TypeMaker {
 public:
  TypeMaker(const TypeTraits& traits, Random& random)
      : traits_(traits), random_(random) {}
  // Live bytes by type at a time, as a census tells them.
  TypeBytes Look(double t_s, double age_s, const Parts& parts, double leaked);

 private:
  double Normal() { return std::normal_distribution<double>()(random_); }

  const TypeTraits traits_;
  Random& random_;
  Spread wander_{};
  double looked_s_ = -1e9;
};

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_TYPE_MAKER_H_

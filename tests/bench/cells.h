// What the benches have in common that go through made-up cells, so many runs
// of each: their arguments, and how they sum up. For one thread.
#ifndef PLIMSOLL_TESTS_BENCH_CELLS_H_
#define PLIMSOLL_TESTS_BENCH_CELLS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::bench {

struct CellArguments {
  uint64_t seed = 1;
  int runs = 100;
  std::string only;            // cells whose names hold it; "": all
  size_t part = 0, parts = 1;  // each parts-th cell, so that several may run
  bool verbose = false;

  // Whether the cell of that number and name is asked for.
  bool Wants(size_t number, const std::string& name) const {
    return number % parts == part && name.find(only) != std::string::npos;
  }
};

// [--seed N] [--runs N] [--only TEXT] [--part K/N] [--verbose]; nothing, and
// said on stderr, where there is another or K/N is no part.
inline std::optional<CellArguments> ParseCellArguments(int argc, char** argv,
                                                       int runs) {
  CellArguments a;
  a.runs = runs;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    bool good = true;
    if (flag == "--seed") {
      a.seed = std::strtoull(value, nullptr, 10), ++i;
    } else if (flag == "--runs") {
      a.runs = std::max(1, std::atoi(value)), ++i;
    } else if (flag == "--only") {
      a.only = value, ++i;
    } else if (flag == "--part") {  // "2/3": the second of three
      char* slash = nullptr;
      a.part = std::strtoull(value, &slash, 10) - 1, ++i;
      a.parts = *slash == '/' ? std::strtoull(slash + 1, nullptr, 10) : 0;
      good = a.part < a.parts;
    } else if (flag == "--verbose") {
      a.verbose = true;
    } else {
      good = false;
    }
    if (good) continue;
    std::fprintf(stderr, "not understood: %s\n", flag.c_str());
    return std::nullopt;
  }
  return a;
}

// Not a number of nothing.
inline double Percent(int part, int whole) {
  return whole == 0 ? std::nan("") : 100.0 * part / whole;
}

inline double MedianOf(std::vector<double> v) {
  if (v.empty()) return std::nan("");
  std::nth_element(v.begin(), v.begin() + static_cast<long>(v.size() / 2),
                   v.end());
  return v[v.size() / 2];
}

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_CELLS_H_

// What a detector said of a made-up fleet, and how right it was.
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_CLAIMS_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_CLAIMS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/cells.h"
#include "tests/bench/verdict/fleet_maker.h"

namespace plimsoll::bench {

// One line: an incident that opens or is said again.
struct Claim {
  int workload = 0;  // in the fleet
  double at_s = 0;
  bool first = true;  // of its incident
  bool page = false;
  std::vector<std::string> pods;
  double bytes_per_s = 0, lo = 0, hi = 0, window_s = 0;
  bool has_interval = false;
  bool model_limited = false;  // it says that its interval may miss
  std::optional<std::pair<double, double>> oom_s;  // in so long
  std::string attribute;  // of the traffic that is blamed first; "" if none
};

struct ShapeScore {
  int true_claims = 0, false_claims = 0;
  int leaking = 0, found = 0;
  int intervals = 0, held = 0;  // of those that are not marked
  int marked = 0;               // as model-limited
};

// How far intervals are off. Errors are in units of half their width, on the
// side on which the truth is: 1 is the end of the interval.
struct Coverage {
  int held = 0;
  int under = 0, over = 0;  // the truth is
  std::vector<double> errors;
  std::vector<double> widths;  // half of them, of the rate that was said
};

// What is counted apart: "shape flat", "window 3 h", and so on.
struct CoverageOf {
  Coverage stated, marked;
};

// Sums over fleets.
struct Score {
  int true_claims = 0, false_claims = 0, false_pages = 0;
  int false_on_healthy = 0, pages_on_healthy = 0;
  int leaking = 0, found = 0;
  int slow = 0, slow_found = 0;  // .15 to 1 % of the limit per hour
  // Leaks that took a hundredth of the limit in one life while it was seen.
  int visible = 0, visible_found = 0;
  int slow_visible = 0, slow_visible_found = 0;
  double healthy_pod_days = 0;
  int intervals = 0, held = 0, marked = 0;
  // Hours from the second pod of a version that leaks to the first word.
  std::vector<double> version_delays_h;
  std::vector<double> headroom_used;  // at the first claim, deadly leaks
  std::vector<double> oom_errors;     // relative, of claims at 30-70 % used
  int city_leaks = 0, city_right = 0, city_wrong = 0;
  std::map<std::string, ShapeScore> shapes, leaks;
  std::map<std::string, CoverageOf> coverage;

  double Precision() const;
  double Recall() const;
  double SlowRecall() const;
  double Marked() const;  // share of the intervals
  double FalsePerDay() const;
};

// Whether a claim is of a leak, whenever it is made.
bool IsTrue(const MadeWorkload& w, const Claim& c);
// The mean over its pods of what one leaked per second over its window.
std::optional<double> TrueRateOf(const MadeWorkload& w, const Claim& c);
// The same of what its memory gained without leak and noise.
std::optional<double> HealthyRateOf(const MadeWorkload& w, const Claim& c);
// What one life leaked at the most while it was seen, of the limit.
double MostLeaked(const MadeWorkload& w);

void AddScore(const std::vector<MadeWorkload>& fleet,
              const std::vector<Claim>& claims, Score& score);

// Upper 95 % bound of a Poisson rate after `events` in `days`.
double UpperRate(int events, double days);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_CLAIMS_H_

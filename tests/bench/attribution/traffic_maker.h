// Made-up processes whose leak per request is known: memory of several shapes
// and noises, requests of cities, outcomes and endpoints whose mixes differ
// between processes and by the hour. Deterministic in the seed. What is varied
// is the list of leak-analysis 3.5; cell by cell, so that each can be read.
#ifndef PLIMSOLL_TESTS_BENCH_ATTRIBUTION_TRAFFIC_MAKER_H_
#define PLIMSOLL_TESTS_BENCH_ATTRIBUTION_TRAFFIC_MAKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "collector/core/traffic/traffic.h"

namespace plimsoll::bench {

enum class Base : uint8_t { kFlat, kSaw, kWarmUp, kCache, kRestarts, kSteps };

enum class Cause : uint8_t {
  kCity,      // each request of one city
  kPair,      // of one city that raises
  kEndpoint,  // of one endpoint, whatever the city
  kTwoCities,
  kAny,          // every request
  kHidden,       // requests of a kind that no attribute tells
  kHiddenDaily,  // the same, with a day of its own
  kPerTime
};

struct Cell {
  const char* name = "";
  Cause cause = Cause::kCity;
  int processes = 5;
  // Of the leaking city against a twin whose requests come with its own.
  double vif = 1;
  Base base = Base::kFlat;
  double hours = 24;
  double memory_every_s = 60;
  double counts_every_s = 60;
  double requests_per_s = 0.05;  // of a process, all cities
  double bytes_per_request = 3.2e6;
  double tail = 0;            // Pareto exponent of the sizes; 0: even, +-50 %
  double noise_bytes = 20e6;  // of a level
  double noise_rho = 0.9;  // of it, from one five minutes to the next; 1: walk
  double background_share = 0;  // of the leak, that goes by time
  bool regions = false;  // cities belong to regions: mixes differ tenfold
  // Of the sizes where the first region's processes serve: worse code there.
  double first_region = 1;
  // What the second region has of the leaking city's requests, to the first's;
  // under a hundredth place and city are nearly one.
  double city_elsewhere = 0.15;
  double first_requests = 1;  // the first region is so much busier
};

struct MadeTraffic {
  std::vector<collector::TrafficSeries> processes;
  std::vector<std::string> truths;  // the attributes that leak; none: hidden
  double bytes_per_request = 0;
  std::vector<std::string> regions;  // of each process, "first" or "second"
  // Bytes that are expected to leak in a process-second of either, where a city
  // or time leaks.
  double expected_first = 0, expected_second = 0;
  double leaked_first = 0, leaked_second = 0;  // bytes that did leak so
  // For those who may know more than the product does (oracle.h): what memory
  // has at each of `bytes` that neither leaks nor is noise, and the mean square
  // by which the leaked sizes differed from the expected one.
  std::vector<std::vector<double>> bases;
  double size_variance = 0;
};

MadeTraffic MakeTraffic(const Cell& cell, uint64_t seed);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_ATTRIBUTION_TRAFFIC_MAKER_H_

// Made-up fleets whose leaks are known: workloads of a few pods over half a
// day, each of one shape of healthy memory, half of them with a leak on top.
// Deterministic in the seed. The shapes are those of leak-analysis 2.1 and
// issue 5's list; sizes, rates and times are drawn, none is a constant that the
// judgement knows.
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_FLEET_MAKER_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_FLEET_MAKER_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::bench {

enum class Shape : uint8_t {
  kFlat,
  kSaw,        // garbage, collected now and then
  kWarmUp,     // imports, connections, first requests: a fraction of an hour
  kCache,      // fills for one to six hours, then is full
  kPressure,   // grows until the limit presses, then gives back
  kStep,       // a reload of something larger
  kDiurnal,    // follows the load
  kHighWater,  // keeps the most that it ever needed at once
  kMixed,      // two of them
};
inline constexpr int kShapes = 9;
const char* Name(Shape shape);

// What happens to the pods meanwhile.
enum class Life : uint8_t {
  kSteady,
  kDeploy,      // all are replaced, one after the other
  kAutoscale,   // more by day
  kRestarts,    // single containers start anew
  kShortLived,  // none lives longer than two or three hours
};

enum class Leak : uint8_t {
  kNone,
  kPerTime,
  kPerRequest,   // sizes are heavy-tailed
  kInVersion,    // begins with a deploy
  kOneReplica,   // the others are healthy
  kOneCity,      // per request of one city, which one region has most of
  kIntermittent  // on for an hour or so, then off
};
inline constexpr int kLeaks = 7;
const char* Name(Leak leak);

inline constexpr float kNoCensus = -1;

struct Tick {
  double t_s = 0;
  float bytes = 0;
  float leaked = 0;        // of it: what will not come back
  float path = 0;          // what it would be without leak and noise
  float used = kNoCensus;  // in use, as a census at this time says
};

inline constexpr int kCities = 6;

// Live bytes by type: builtins, then classes of the application (type_maker.h).
inline constexpr size_t kBuiltinTypes = 16, kTypes = 24;
inline constexpr const char* kTypeNames[kTypes] = {
    "dict",       "str",        "list",       "tuple",      "bytes",
    "set",        "int",        "float",      "function",   "code",
    "type",       "cell",       "generator",  "bytearray",  "frozenset",
    "coroutine",  "app.Class0", "app.Class1", "app.Class2", "app.Class3",
    "app.Class4", "app.Class5", "app.Class6", "app.Class7"};
using TypeBytes = std::array<float, kTypes>;
struct TypeLook {
  double t_s = 0;
  TypeBytes bytes{};
};

// One life of one container.
struct PodLife {
  std::string pod, region, version;
  double start_s = 0;
  bool killed = false;      // by the kernel, for memory
  std::vector<Tick> ticks;  // as scraped: some are missing, some are doubled
  // Requests so far by city, at each tick.
  std::vector<std::array<float, kCities>> requests;
  std::vector<TypeLook> types;  // at each census
};

struct MadeWorkload {
  std::string name;
  Shape shape = Shape::kFlat;
  std::string mixture;  // of kMixed: the names of its parts
  Life life = Life::kSteady;
  Leak leak = Leak::kNone;
  double limit_bytes = 0;
  double leak_percent_per_h = 0;  // of the limit, in each leaking pod
  double leak_from_s = 0;
  int city = -1;  // whose requests leak
  std::vector<PodLife> lives;
};

struct FleetOptions {
  uint64_t seed = 1;
  int workloads = 60;
  double hours = 12;
  double scrape_s = 15;
  double leaking_share = 0.5;
};

std::vector<MadeWorkload> MakeFleet(const FleetOptions& options);

inline constexpr const char* kCityNames[kCities] = {
    "singapore", "paris", "lagos", "lima", "oslo", "perth"};

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_FLEET_MAKER_H_

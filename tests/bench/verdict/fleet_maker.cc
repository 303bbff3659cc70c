#include "tests/bench/verdict/fleet_maker.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/bench/verdict/census_maker.h"
#include "tests/bench/verdict/process_model.h"
#include "tests/bench/verdict/type_maker.h"

namespace plimsoll::bench {
namespace {

constexpr double kRestart_s = 20;
constexpr double kStartedBefore_s = 3 * 86400;

// One place for a container, and who is in it when.
struct Slot {
  std::string pod, region, version;
  double from_s = 0, to_s = 0;
  double started_before_s = 0;  // age at from_s
  std::vector<double> restarts_s;
  bool leaks = false;
};

std::string RandomWord(Random& random, size_t length) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (size_t i = 0; i < length; ++i) {
    out += kAlphabet[static_cast<size_t>(
        Uniform(random, 0, static_cast<double>(kAlphabet.size()) - 1e-9))];
  }
  return out;
}

class WorkloadMaker {
 public:
  WorkloadMaker(const FleetOptions& options, int number, Random& random)
      : options_(options),
        random_(random),
        census_random_(options.seed * 1'000'003 +
                       static_cast<uint64_t>(number)),
        type_random_(options.seed * 2'000'003 + static_cast<uint64_t>(number)),
        end_s_(options.hours * 3600) {
    made_.name = "work" + std::string(1, static_cast<char>('a' + number / 26)) +
                 std::string(1, static_cast<char>('a' + number % 26));
  }

  MadeWorkload Make() {
    Choose();
    for (const Slot& slot : Slots()) Fill(slot);
    return std::move(made_);
  }

 private:
  double Draw(double lo, double hi) { return Uniform(random_, lo, hi); }
  bool Chance(double p) { return Draw(0, 1) < p; }

  void Choose() {
    made_.shape = static_cast<Shape>(static_cast<int>(Draw(0, kShapes)));
    made_.life = static_cast<Life>(static_cast<int>(Draw(0, 5)));
    traits_ = DrawTraits(made_.shape, options_.hours, random_);
    made_.limit_bytes = traits_.limit;
    census_ = DrawCensusTraits(census_random_);
    traits_.pressure_in_use = Uniform(census_random_, 0, 1) < 0.5;
    types_ = DrawTypeTraits(traits_, type_random_);
    for (int i = 0; made_.shape == Shape::kMixed && i < kShapes - 1; ++i) {
      if (traits_.has[static_cast<size_t>(i)]) {
        made_.mixture += (made_.mixture.empty() ? "" : "+") +
                         std::string(Name(static_cast<Shape>(i)));
      }
    }
    if (Chance(options_.leaking_share)) ChooseLeak();
    const double swing = Chance(0.2) ? 0.05 : 0.5;  // of the cities' shares
    for (size_t c = 0; c < kCities; ++c) {
      mixes_[0][c] = Draw(1 - swing, 1 + swing);
      mixes_[1][c] = Draw(1 - swing, 1 + swing);
    }
    if (made_.city >= 0) {
      mixes_[0][static_cast<size_t>(made_.city)] *= 4;
      mixes_[1][static_cast<size_t>(made_.city)] *= 0.2;
    }
    for (auto& mix : mixes_) {
      const double sum = std::accumulate(mix.begin(), mix.end(), 0.0);
      for (double& share : mix) share /= sum;
    }
  }

  void ChooseLeak() {
    made_.leak = static_cast<Leak>(1 + static_cast<int>(Draw(0, kLeaks - 1)));
    made_.leak_percent_per_h = LogUniform(random_, 0.15, 20);
    leak_.kind = made_.leak;
    leak_.bytes_per_s = made_.leak_percent_per_h / 100 * traits_.limit / 3600;
    if (made_.leak == Leak::kOneCity) {
      made_.city = static_cast<int>(Draw(0, kCities));
      leak_.city = made_.city;
    }
    if (made_.leak == Leak::kIntermittent) {
      leak_.on_s = Draw(1800, 5400);
      leak_.off_s = Draw(1800, 5400);
    }
    if (made_.leak == Leak::kInVersion) made_.life = Life::kDeploy;
    const bool by_request = made_.leak == Leak::kPerRequest ||
                            made_.leak == Leak::kOneCity || Chance(0.3);
    if (by_request) {
      const double share = made_.city >= 0 ? 0.4 : 1;
      const double mean_load = 1 - traits_.load_depth / 2;
      leak_.per_request =
          leak_.bytes_per_s / (traits_.requests_per_s * mean_load * share);
      leak_.tail = Chance(0.7) ? Draw(1.5, 2.5) : 0;
    }
  }

  std::vector<Slot> Slots() {
    std::vector<Slot> slots;
    const int pods = 2 + static_cast<int>(Draw(0, 4));
    const bool young = Chance(0.3);  // all started when the history begins
    deploy_s_ = Draw(0.15, 0.7) * end_s_;
    made_.leak_from_s = made_.leak == Leak::kInVersion ? deploy_s_ : 0;
    const int leaking = static_cast<int>(Draw(0, pods));
    for (int i = 0; i < pods; ++i) {
      Slot slot;
      slot.region = i % 2 == 0 ? "ap-southeast-1" : "eu-west-3";
      slot.version = "v1";
      slot.to_s = end_s_;
      slot.started_before_s =
          young ? Draw(0, 120) : LogUniform(random_, 1800, kStartedBefore_s);
      slot.leaks = made_.leak != Leak::kNone &&
                   made_.leak != Leak::kInVersion &&
                   (made_.leak != Leak::kOneReplica || i == leaking);
      AddSlots(i, slot, slots);
    }
    const std::string hash = RandomWord(random_, 9);
    const std::string next_hash = RandomWord(random_, 9);
    for (Slot& slot : slots) {
      slot.pod = made_.name + "-" + (slot.version == "v1" ? hash : next_hash) +
                 "-" + RandomWord(random_, 5);
    }
    return slots;
  }

  // What becomes of the place of the i-th pod.
  void AddSlots(int i, Slot slot, std::vector<Slot>& slots) {
    switch (made_.life) {
      case Life::kSteady:
        slots.push_back(slot);
        break;
      case Life::kDeploy: {
        Slot next = slot;
        slot.to_s = next.from_s = deploy_s_ + 120.0 * i;
        next.started_before_s = 0;
        next.version = "v2";
        next.leaks = next.leaks || made_.leak == Leak::kInVersion;
        slots.push_back(slot);
        slots.push_back(next);
        break;
      }
      case Life::kAutoscale:
        if (i >= 2) {
          slot.from_s = Draw(0, 0.6) * end_s_;
          slot.to_s = std::min(end_s_, slot.from_s + Draw(1.5, 8) * 3600);
          slot.started_before_s = 0;
        }
        slots.push_back(slot);
        break;
      case Life::kRestarts:
        for (double t = Draw(0, end_s_); t < end_s_;
             t += Draw(0.1, 1) * end_s_) {
          slot.restarts_s.push_back(t);
        }
        slots.push_back(slot);
        break;
      case Life::kShortLived:
        slot.started_before_s = Draw(0, 1.5) * 3600;
        for (double t = 0; t < end_s_;) {
          Slot one = slot;
          one.from_s = t;
          one.started_before_s = t == 0 ? slot.started_before_s : 0;
          one.to_s = std::min(end_s_, t + Draw(1.5, 3) * 3600);
          t = one.to_s;
          slots.push_back(one);
        }
        break;
    }
  }

  // The lives in a slot: it may be killed, restarted, and begin again.
  void Fill(const Slot& slot) {
    double start_s = slot.from_s - slot.started_before_s;
    double from_s = slot.from_s;
    const double gap_s = Chance(0.2) ? Draw(600, 1800) : 0;
    const double gap_at_s = Draw(slot.from_s, slot.to_s);
    std::vector<double> restarts = slot.restarts_s;
    restarts.push_back(slot.to_s);
    for (const double until_s : restarts) {
      while (from_s < until_s) {
        PodLife life;
        life.pod = slot.pod;
        life.region = slot.region;
        life.version = slot.version;
        life.start_s = start_s;
        const double died_s =
            Live(slot, from_s, until_s, gap_at_s, gap_s, life);
        if (!life.ticks.empty()) made_.lives.push_back(std::move(life));
        if (died_s >= until_s) break;
        start_s = from_s = died_s + kRestart_s;
      }
      start_s = from_s = until_s + kRestart_s;
    }
  }

  double Live(const Slot& slot, double from_s, double until_s, double gap_at_s,
              double gap_s, PodLife& life) {
    const LeakTraits leak = slot.leaks ? leak_ : LeakTraits{};
    ProcessModel model(traits_, leak,
                       mixes_[slot.region == "eu-west-3" ? 1 : 0], random_);
    const double dt = options_.scrape_s;
    // What came before the history, in coarse steps; a leak that would have
    // killed it before is as young as it must be.
    const double before =
        Before(from_s - life.start_s, slot.leaks ? leak_.bytes_per_s : 0);
    life.start_s = from_s - before;
    for (double age = 0; age < before; age += std::max(dt, before / 500)) {
      model.Step(from_s - before + age, age, std::max(dt, before / 500));
    }
    const double phase = Draw(0, dt);
    CensusMaker censuses(census_, from_s + phase, census_random_);
    TypeMaker types(types_, type_random_);
    for (double t = from_s + phase; t < until_s; t += dt) {
      const double bytes = model.Step(t, t - life.start_s, dt);
      if (bytes >= traits_.limit) {
        life.killed = true;
        return t;
      }
      if (t > gap_at_s && t < gap_at_s + gap_s) continue;
      if (Chance(0.01)) continue;
      const Tick tick{t, static_cast<float>(bytes),
                      static_cast<float>(model.leaked()),
                      static_cast<float>(model.path()),
                      censuses.Look(t, bytes, model.in_use())};
      life.ticks.push_back(tick);
      life.requests.push_back(model.requests());
      if (tick.used != kNoCensus) {
        life.types.push_back({t, types.Look(t, t - life.start_s, model.parts(),
                                            model.leaked())});
      }
      if (Chance(0.002)) {  // a scrape that was sent twice
        life.ticks.push_back(tick);
        life.requests.push_back(model.requests());
      }
    }
    return until_s;
  }

  double Before(double age_s, double leak_bytes_per_s) {
    double most = age_s;
    if (leak_bytes_per_s > 0) {
      most = std::min(most, 0.3 * traits_.limit / leak_bytes_per_s);
    }
    return std::max(0.0, most);
  }

  const FleetOptions options_;
  Random& random_;
  // Their own: the memory is the same with and without.
  Random census_random_, type_random_;
  const double end_s_;
  double deploy_s_ = 0;
  MadeWorkload made_;
  Traits traits_;
  LeakTraits leak_;
  CensusTraits census_;
  TypeTraits types_;
  std::array<std::array<double, kCities>, 2> mixes_{};
};

}  // namespace

const char* Name(Shape shape) {
  constexpr const char* kNames[] = {"flat",    "saw",        "warm-up",
                                    "cache",   "pressure",   "step",
                                    "diurnal", "high-water", "mixed"};
  return kNames[static_cast<size_t>(shape)];
}

const char* Name(Leak leak) {
  constexpr const char* kNames[] = {"none",        "per time",    "per request",
                                    "in version",  "one replica", "one city",
                                    "intermittent"};
  return kNames[static_cast<size_t>(leak)];
}

std::vector<MadeWorkload> MakeFleet(const FleetOptions& options) {
  Random random(options.seed);
  std::vector<MadeWorkload> fleet;
  for (int i = 0; i < options.workloads; ++i) {
    fleet.push_back(WorkloadMaker(options, i, random).Make());
  }
  return fleet;
}

}  // namespace plimsoll::bench

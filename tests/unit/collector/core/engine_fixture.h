// An engine over the fakes, and lives of processes that are played through it
// second by second.
#ifndef PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_ENGINE_FIXTURE_H_
#define PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_ENGINE_FIXTURE_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "collector/core/engine/engine.h"
#include "gtest/gtest.h"
#include "tests/unit/collector/core/fakes.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {

inline constexpr int64_t kSecond = 1'000'000'000;

inline ProcessInfo Process(ProcessKey key, const std::string& name,
                           const std::string& region) {
  ProcessInfo p;
  p.key = key;
  p.pid = static_cast<int32_t>(1000 + key);
  p.workload = {"demo", "default", "service", name};
  p.region = region;
  p.version = "2018.09.01-3";
  p.node = "node-1";
  p.start_unix_ns = kStartNs;
  return p;
}

// Plays lives of processes through an engine, second by second.
class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { Restart(); }

  void Restart() {
    engine_ = std::make_unique<Engine>(
        EnginePorts{&fleet_, &requester_, &store_, &silences_, {&notifier_}},
        EngineOptions{});
    EXPECT_TRUE(engine_->Restore(now_).ok());
  }

  void AddLife(const ProcessInfo& info, const ShapeOptions& options) {
    for (const Observation& o : MakeLife(options).observations) {
      events_.emplace(o.time_ns, std::pair(info, o));
    }
  }

  void AddStack(ProcessKey process, int64_t age_s) {
    StackEvidence s;
    s.kind = "window";
    s.type = "routing.vehicles.FloatingVehicle";
    s.objects = 9000;
    s.share = 0.97;
    s.time_ns = kStartNs + age_s * kSecond;
    s.window_ns = 2 * kSecond;
    s.frames = {{"load", "/srv/app/routing/vehicles.py", "", 118, false},
                {"candidates", "/srv/app/routing/plan.py", "", 31, false},
                {"worker", "/usr/lib/python3.11/multiprocessing/pool.py", "",
                 125, false}};
    fleet_.stacks[process].push_back(s);
  }

  // One second.
  absl::Status PlayOne() {
    for (auto at = events_.begin(); at != events_.end() && at->first <= now_;
         at = events_.erase(at)) {
      fleet_.Add(at->second.first, at->second.second);
      engine_->OnSnapshot(at->second.first, at->second.second);
    }
    const absl::Status status = engine_->Tick(now_);
    now_ += kSecond;
    return status;
  }

  void PlayUntil(int64_t age_s) {
    while (now_ <= kStartNs + age_s * kSecond) {
      const absl::Status status = PlayOne();
      EXPECT_TRUE(status.ok()) << status;
    }
  }

  ShapeOptions Leak(double mib_per_min) {
    ShapeOptions o;
    o.shape = Shape::kLeakLumpy;
    o.rate_bytes_per_s = mib_per_min * kMiB / 60;
    o.limit_bytes = 384 * kMiB;
    return o;
  }

  int64_t now_ = kStartNs;
  FakeFleet fleet_;
  FakeRequester requester_;
  FakeIncidentStore store_;
  FakeNotifier notifier_;
  FakeSilences silences_;
  std::unique_ptr<Engine> engine_;
  std::multimap<int64_t, std::pair<ProcessInfo, Observation>> events_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_ENGINE_FIXTURE_H_

// The agent's outside world in a test: a clock that stands still until it is
// moved, timers that run when it is, and an Inspector whose answers are given.
#ifndef PLIMSOLL_TESTS_SUPPORT_FAKE_AGENT_WORLD_H_
#define PLIMSOLL_TESTS_SUPPORT_FAKE_AGENT_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/clock.h"
#include "agent/core/ports.h"
#include "agent/core/probe_port.h"

namespace plimsoll::testing {

class FakeTime final : public core::Clock, public core::Timers {
 public:
  int64_t BoottimeNs() const override { return now_ns_; }
  int64_t WallOffsetNs() const override { return 1'700'000'000'000'000'000; }
  void RunAfter(int64_t delay_ns, std::function<void()> work) override {
    timers_.emplace(std::pair(now_ns_ + delay_ns, ++order_), std::move(work));
  }
  void Advance(int64_t delta_ns) {
    int64_t end = now_ns_ + delta_ns;
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      auto node = timers_.extract(timers_.begin());
      now_ns_ = node.key().first;
      node.mapped()();
    }
    now_ns_ = end;
  }

 private:
  int64_t now_ns_ = 1'000'000'000'000;
  uint64_t order_ = 0;
  std::map<std::pair<int64_t, uint64_t>, std::function<void()>> timers_;
};

class FakeInspector final : public core::Inspector {
 public:
  // By pid; a pid that is not here is not Python.
  std::map<int32_t, absl::StatusOr<core::PythonProcess>> pythons;
  std::map<int32_t, absl::StatusOr<core::HeapCensus>> censuses;
  std::vector<core::Frame> frames;
  int identified = 0;
  int full = 0;
  int headers = 0;
  std::map<int32_t, int> looked_at;  // by pid
  std::vector<core::CensusOptions> asked;

  void Identify(int32_t pid, IdentifyDone done) override {
    ++identified;
    auto it = pythons.find(pid);
    done(it == pythons.end() ? absl::StatusOr<core::PythonProcess>(
                                   absl::NotFoundError("not Python"))
                             : it->second);
  }
  void TakeCensus(const core::PythonProcess& python,
                  core::CensusOptions options, CensusDone done) override {
    ++(options.headers_only ? headers : full);
    ++looked_at[python.pid];
    asked.push_back(options);
    auto it = censuses.find(python.pid);
    done(it == censuses.end()
             ? absl::StatusOr<core::HeapCensus>(absl::NotFoundError("gone"))
             : it->second);
  }
  void Symbolize(const core::PythonProcess&, std::vector<core::RawFrame> raw,
                 SymbolizeDone done) override {
    std::vector<core::Frame> named;
    for (const core::RawFrame& frame : raw) {
      core::Frame& out = named.emplace_back();
      out.function = "f" + std::to_string(frame.code_address);
      out.file = "app.py";
      out.line = static_cast<int32_t>(frame.instruction);
    }
    done(std::move(named));
  }
};

class FakeProbes final : public core::ProbePort {
 public:
  absl::StatusOr<core::RawProfile> window = core::RawProfile();
  std::vector<core::ProcessId> attached;
  std::vector<core::ProcessId> detached;
  core::Tier1Sample sample;
  core::WindowRequest last_request;
  std::function<void()> during_window;
  bool hold = false;  // windows stay open: their ends wait in `held`
  std::vector<WindowDone> held;
  absl::StatusOr<core::RawProfile> births =
      absl::FailedPreconditionError("no debug register is free");
  std::map<std::string, absl::StatusOr<core::RawProfile>> births_of;
  std::vector<core::BirthRequest> birth_requests;
  std::string refused;   // why no uprobe is set any more
  std::string no_watch;  // why births cannot be followed on this machine
  std::vector<core::ProcessId> native_growth;
  std::string no_native_growth;

  std::string watch_refusal() const override { return no_watch; }
  std::string rung() const override { return "uprobe_multi"; }
  std::string refusal() const override { return refused; }
  absl::StatusOr<std::string> AttachGc(const core::ProcessId& id,
                                       const core::PythonProcess&) override {
    attached.push_back(id);
    return std::string("usdt");
  }
  absl::StatusOr<std::string> AttachGrowth(
      const core::ProcessId&, const core::PythonProcess&) override {
    return std::string("page-faults");
  }
  absl::StatusOr<std::string> AttachNativeGrowth(
      const core::ProcessId& id) override {
    if (!no_native_growth.empty()) {
      return absl::FailedPreconditionError(no_native_growth);
    }
    native_growth.push_back(id);
    return std::string("page-faults");
  }
  void Detach(const core::ProcessId& id) override { detached.push_back(id); }
  core::Tier1Sample Collect(const core::ProcessId&) override {
    return std::exchange(sample, {});
  }
  void OpenWindow(const core::ProcessId&, const core::PythonProcess&,
                  const core::WindowRequest& request,
                  WindowDone done) override {
    last_request = request;
    if (during_window) during_window();
    if (hold) {
      held.push_back(std::move(done));
      return;
    }
    done(window);
  }
  void WatchBirths(const core::ProcessId&, const core::PythonProcess&,
                   const core::BirthRequest& request,
                   WindowDone done) override {
    birth_requests.push_back(request);
    const auto of = births_of.find(request.type);
    done(of == births_of.end() ? births : of->second);
  }
  core::ProbeUsage usage() const override { return {}; }
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_FAKE_AGENT_WORLD_H_

// A birth watch from end to end without the inspector: the session of
// agent/core over the watchpoints of agent/bpf and a heap that is read here.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_RUN_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_RUN_H_

#include <gtest/gtest.h>
#include <time.h>

#include <chrono>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/bpf/birth_watch.h"
#include "agent/core/birth_session.h"
#include "agent/heap/birth_spots.h"
#include "agent/heap/birth_survey.h"
#include "agent/python/code_symbolizer.h"
#include "agent/python/process_files.h"
#include "tests/bpf/agent/bpf/birth_script.h"
#include "tests/bpf/agent/bpf/bpf_target.h"

namespace plimsoll::testing {

struct BirthRun {
  absl::Status status;
  std::vector<core::BirthSample> samples;
  core::BirthCounts counts;
  bpf::BirthWatchUse use;
  std::map<std::string, int> by_function;  // innermost frame of the samples
  int64_t total() const { return static_cast<int64_t>(samples.size()); }
  double share(const std::string& function) const {
    const auto it = by_function.find(function);
    return it == by_function.end() || samples.empty()
               ? 0
               : it->second / static_cast<double>(samples.size());
  }
  std::string Text() const {
    std::ostringstream out;
    out << status << " samples " << total() << " hits " << counts.hits
        << " armed " << counts.armed << " late " << counts.late << " unreached "
        << counts.unreached << " hot " << counts.hot << " other "
        << counts.other << " died " << counts.died << " unread "
        << counts.unread << " starved " << counts.starved << " looks "
        << counts.looks << " blinks " << counts.blinks << " moves " << use.moves
        << " of " << (use.moves ? use.move_ns / use.moves : 0) << " ns, open "
        << use.open_ns << " ns on " << use.threads << " threads, program "
        << use.program_ns_per_hit << " ns;";
    for (const auto& [name, n] : by_function) out << " " << name << ":" << n;
    for (const auto& [name, n] : use.drops) out << " drop " << name << ":" << n;
    return out.str();
  }
};

inline int64_t MonotonicNow() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline absl::StatusOr<core::BirthSurvey> Survey(
    const core::PythonProcess& python, uint64_t type) {
  auto mappings = python::ProcProcessFiles("/proc", python.pid).ReadMappings();
  if (!mappings.ok()) return mappings.status();
  return heap::SurveyBirths(LiveMemory(python.pid), *mappings,
                            heap::PoolRanges(*mappings), python, type);
}

inline void FillFunctions(const core::PythonProcess& python, BirthRun& run) {
  python::CodeSymbolizer symbolizer(python, 1 << 20);
  for (const core::BirthSample& sample : run.samples) {
    std::string name = "<none>";
    if (!sample.stack.frames.empty()) {
      name =
          symbolizer.Symbolize(sample.stack.frames[0], LiveMemory(python.pid))
              .function;
    }
    ++run.by_function[name];
  }
}

// One target under watch; several may be at once.
class BirthWatcher {
 public:
  // Takes a first look; what grew by the time of Start() is watched.
  BirthWatcher(bpf::BirthProbe& probe, const core::PythonProcess& python,
               uint64_t type, const core::BirthOptions& options)
      : probe_(probe),
        python_(python),
        type_(type),
        options_(options),
        memory_(python.pid),
        before_(Survey(python, type)) {}
  void Start() {
    auto survey = Survey(python_, type_);
    if (survey.ok() && before_.ok()) {
      survey = core::SurveyOfGrowth(*before_, *std::move(survey));
    }
    auto watch = probe_.Watch(python_);
    run_.status = survey.ok() ? watch.status() : survey.status();
    if (!run_.status.ok()) return;
    watch_ = *std::move(watch);
    auto session = core::BirthSession::Create(
        python_, *survey, options_, watch_.get(),
        [this](const core::BirthLook& look, core::BirthSession::LookDone done) {
          done(Find(look));
        },
        MonotonicNow());
    run_.status = session.status();
    if (session.ok()) session_ = *std::move(session);
  }
  bool Tick() {
    if (session_ == nullptr || session_->done()) return false;
    session_->Tick(MonotonicNow());
    return true;
  }
  BirthRun Finish() {
    if (session_ == nullptr) return run_;
    run_.status = session_->status();
    run_.samples = session_->samples();
    run_.counts = session_->counts();
    run_.use = watch_->Use();
    FillFunctions(python_, run_);
    return run_;
  }

 private:
  core::BirthFindings Find(const core::BirthLook& look) const {
    core::BirthFindings found;
    for (const auto& wish : look.wishes) {
      found.spots.push_back(heap::FindSpot(memory_, python_.objects, wish));
    }
    for (const auto& question : look.blocks) {
      found.blocks.push_back(
          heap::LookAtBlock(memory_, python_.objects, question));
    }
    return found;
  }

  bpf::BirthProbe& probe_;
  const core::PythonProcess& python_;
  const uint64_t type_;
  const core::BirthOptions options_;
  const LiveMemory memory_;
  const absl::StatusOr<core::BirthSurvey> before_;
  BirthRun run_;
  std::unique_ptr<bpf::BirthWatch> watch_;
  std::unique_ptr<core::BirthSession> session_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_RUN_H_

// What tests of the birth watch have in common: a probe, and targets that leak
// at one site and churn at another.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_FIXTURE_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/bpf/birth_watch.h"
#include "tests/bpf/agent/bpf/birth_run.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::testing {

using Arguments = std::vector<std::string>;  // of kBirthScript

class BirthWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    auto probe = bpf::BirthProbe::Create(bpf::KernelSupport::Detect());
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_.emplace(*std::move(probe));
  }

  // A target for each pair of interpreter and arguments, all at once.
  void RunAll(const std::vector<std::pair<std::string, Arguments>>& what,
              double seconds, int64_t least) {
    std::vector<std::unique_ptr<BpfTarget>> targets;
    std::vector<std::unique_ptr<BirthWatcher>> watchers;
    for (const auto& [python, arguments] : what) {
      targets.push_back(
          std::make_unique<BpfTarget>(python, kBirthScript, arguments));
    }
    for (const auto& target : targets) {
      watchers.push_back(std::make_unique<BirthWatcher>(
          *probe_, target->process(), target->Number("type"),
          core::BirthOptions{.duration_ns = static_cast<int64_t>(seconds * 1e9),
                             .rest_ns = 500'000'000,
                             // As the agent's, but for short ones.
                             .budget_ns = std::max(500e6, seconds * 0.05e9)}));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    for (const auto& watcher : watchers) watcher->Start();
    bool going = true;
    while (going) {
      going = false;
      for (const auto& watcher : watchers) going = watcher->Tick() || going;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    for (size_t i = 0; i < what.size(); ++i) {
      const BirthRun run = watchers[i]->Finish();
      const std::string text =
          what[i].first + " " + what[i].second[0] + ": " + run.Text();
      std::cout << text << std::endl;
      EXPECT_EQ(targets[i]->target().Ended(), "") << text;
      EXPECT_GE(run.total(), least) << text;
      EXPECT_GE(run.share("leak_site"), 0.95) << text;
    }
  }
  std::optional<bpf::BirthProbe> probe_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_FIXTURE_H_

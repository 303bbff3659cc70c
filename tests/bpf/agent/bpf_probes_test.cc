// The agent's probes behind their port, on a live Python: what happens past a
// budget, and that windows leave the loop alone.
#include "agent/bpf_probes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "tests/bpf/agent/bpf_probes_fixture.h"

namespace plimsoll::agent {
namespace {

using ::testing::HasSubstr;

TEST_F(BpfProbesTest, AGcProbePastItsBudgetIsDetachedAndComesBack) {
  BpfTarget target(StrippedPythons()[0], kScript);
  core::GovernorOptions options;
  options.tier1_average_share = 1e-7;  // 30 us in five minutes
  BpfProbes probes = Make(options);
  const core::ProcessId id = IdOf(target);
  const int before = OpenLinks();
  auto rung = probes.AttachGc(id, target.process());
  ASSERT_TRUE(rung.ok()) << rung.status();
  EXPECT_GT(OpenLinks(), before);
  EXPECT_EQ(probes.usage().revoked, 0);
  target.Command("collect 2000");
  core::Tier1Sample sample = probes.Collect(id);
  EXPECT_EQ(OpenLinks(), before) << "the trap is still in the target";
  EXPECT_THAT(sample.gc_refusal, HasSubstr("budget"));
  EXPECT_GE(sample.losses["probe_budget"], 1);
  EXPECT_EQ(probes.usage().revoked, 1);
  EXPECT_EQ(probes.usage().revoked_total, 1);
  // It stays away, and says so, until a stretch like that can be paid.
  EXPECT_THAT(probes.Collect(id).gc_refusal, HasSubstr("budget"));
  time_.Advance(1'000'000 * kSecond);
  EXPECT_EQ(probes.Collect(id).gc_refusal, "");
  EXPECT_GT(OpenLinks(), before);
  EXPECT_EQ(probes.usage().revoked, 0);
  probes.Detach(id);
  EXPECT_EQ(OpenLinks(), before);
}

// A debugger, or another agent, holds them.
TEST_F(BpfProbesTest, BirthsAreRefusedInWordsWhereNoDebugRegisterIsFree) {
  BpfTarget target(StrippedPythons()[0], kScript);
  auto first = bpf::BirthProbe::Create(kernel_);
  auto second = bpf::BirthProbe::Create(kernel_);
  ASSERT_TRUE(first.ok() && second.ok()) << first.status();
  auto three = first->Watch(target.process());
  auto one = second->Watch(target.process());
  ASSERT_TRUE(three.ok() && one.ok()) << three.status() << one.status();
  ASSERT_EQ((*three)->Slots(true).value_or(0), 1) << "of three words";
  ASSERT_EQ((*one)->Slots(false).value_or(0), 1);
  BpfProbes probes = Make();
  testing::FakeInspector looker;
  probes.LookWith(kernel_, &looker, nullptr, &time_);
  ASSERT_EQ(probes.watch_refusal(), "") << "the machine has them";
  core::BirthRequest request;
  request.duration_ns = 20 * kSecond;
  request.type = "m.T";
  request.type_address = target.process().type_type_address;
  absl::Status answer;
  probes.WatchBirths(IdOf(target), target.process(), request,
                     [&](const auto& raw) { answer = raw.status(); });
  EXPECT_TRUE(absl::IsFailedPrecondition(answer)) << answer;
  EXPECT_THAT(answer.message(), HasSubstr("debug register"));
}

// A process that SIGTRAP ends after it was probed may have been ended by a
// probe: no other is risked.
TEST_F(BpfProbesTest, ATrappedTargetEndsProbingOnTheNode) {
  BpfTarget first(StrippedPythons()[0], kScript);
  BpfTarget second(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const int before = OpenLinks();
  ASSERT_TRUE(probes.AttachGc(IdOf(first), first.process()).ok());
  ASSERT_TRUE(probes.AttachGc(IdOf(second), second.process()).ok());
  const int attached = OpenLinks();
  ASSERT_GT(attached, before);
  // Of others, and of other signals, nothing is made.
  probes.HandleKilled(::getpid(), SIGTRAP);
  probes.HandleKilled(first.pid(), SIGSEGV);
  probes.HandleKilled(first.pid(), SIGKILL);
  EXPECT_EQ(OpenLinks(), attached);
  EXPECT_EQ(probes.refusal(), "");
  EXPECT_EQ(probes.usage().trapped, 0);

  probes.HandleKilled(first.pid(), SIGTRAP);
  probes.Detach(IdOf(first));
  EXPECT_EQ(OpenLinks(), before) << "the second is still probed";
  EXPECT_EQ(probes.usage().trapped, 1);
  const std::string named =
      "process " + std::to_string(first.pid()) + " was ended by SIGTRAP";
  EXPECT_THAT(probes.refusal(), HasSubstr(named));
  EXPECT_EQ(probes.rung(), "");
  EXPECT_THAT(probes.Collect(IdOf(second)).gc_refusal, HasSubstr(named));
  EXPECT_THAT(
      probes.AttachGc(IdOf(second), second.process()).status().message(),
      HasSubstr(named));
  absl::Status window;
  probes.OpenWindow(
      IdOf(second), second.process(),
      {.duration_ns = kSecond, .known_types = {}},
      [&](absl::StatusOr<core::RawProfile> raw) { window = raw.status(); });
  EXPECT_TRUE(absl::IsFailedPrecondition(window)) << window;
  EXPECT_THAT(window.message(), HasSubstr(named));
  EXPECT_EQ(second.target().Ended(), "");
}

// USDT places are nops, which the kernel emulates: 2,000 hits at the price of a
// single step were 35 times too dear.
TEST_F(BpfProbesTest, GcHitsAreChargedByTheirKindOfInstruction) {
  BpfTarget target(StrippedPythons()[0], kScript);
  bool emulated =
      bpf::GcProbeCost(target.process().build) == core::ProbeCost::kEmulated;
  if (!emulated) GTEST_SKIP() << "this build's places are single-stepped";
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(probes.AttachGc(id, target.process()).ok());
  target.Command("collect 500");
  probes.Collect(id);
  const core::ProbeUsage usage = probes.usage();
  EXPECT_GE(usage.hits, 1000);
  EXPECT_NEAR(
      static_cast<double>(usage.cost_ns) / static_cast<double>(usage.hits),
      costs_.PerHit(core::ProbeCost::kEmulated), 1);
}

TEST_F(BpfProbesTest, TheLoopKeepsItsTimersWhileAWindowOpens) {
  BpfTarget target(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(probes.AttachGc(id, target.process()).ok());
  const std::thread::id loop_thread = std::this_thread::get_id();
  int ticks = 0;
  bool done = false;
  std::function<void()> tick = [&] {
    ++ticks;
    loop_->RunAfter(2'000'000, tick);
  };
  tick();
  core::WindowRequest request;
  request.duration_ns = 1;  // over as soon as the pilot is
  probes.OpenWindow(id, target.process(), request,
                    [&](absl::StatusOr<core::RawProfile> raw) {
                      EXPECT_TRUE(raw.ok()) << raw.status();
                      EXPECT_EQ(std::this_thread::get_id(), loop_thread);
                      done = true;
                      loop_->Stop();
                    });
  EXPECT_FALSE(done);
  loop_->RunAfter(30 * kSecond, [&] { loop_->Stop(); });
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_TRUE(done);
  // The pilot alone takes 75 ms.
  EXPECT_GE(ticks, 10);
}

TEST_F(BpfProbesTest, EndingClosesOpenWindowsAtOnce) {
  BpfTarget target(StrippedPythons()[0], kScript);
  const int before = OpenLinks();
  bool answered = false;
  auto begin = std::chrono::steady_clock::now();
  {
    BpfProbes probes = Make();
    core::WindowRequest request;
    request.duration_ns = 300 * kSecond;
    probes.OpenWindow(IdOf(target), target.process(), request,
                      [&](const auto&) { answered = true; });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(OpenLinks(), before);
  EXPECT_FALSE(answered);
}

TEST_F(BpfProbesTest, AWindowEndsWithItsProcess) {
  auto target = std::make_unique<BpfTarget>(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(*target);
  ASSERT_TRUE(probes.AttachGc(id, target->process()).ok());
  core::WindowRequest request;
  request.duration_ns = 300 * kSecond;
  absl::Status answer;
  probes.OpenWindow(id, target->process(), request, [&](const auto& raw) {
    answer = raw.status();
    loop_->Stop();
  });
  loop_->RunAfter(kSecond / 2, [&] {
    target.reset();
    probes.Detach(id);
  });
  loop_->RunAfter(60 * kSecond, [&] { loop_->Stop(); });
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_TRUE(absl::IsNotFound(answer)) << answer;
}

}  // namespace
}  // namespace plimsoll::agent

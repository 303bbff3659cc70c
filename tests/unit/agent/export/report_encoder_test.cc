#include "agent/export/report_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::exporter {
namespace {

v1::Batch Decode(const std::string& bytes) {
  v1::Batch batch;
  EXPECT_TRUE(batch.ParseFromString(bytes));
  return batch;
}

core::Snapshot FullSnapshot() {
  core::Snapshot snapshot;
  snapshot.process = {42, 1000, 3};
  snapshot.boottime_ns = 5'000;
  snapshot.memory.emplace();
  snapshot.memory->anon_bytes = 123;
  snapshot.memory->cgroup.emplace();
  snapshot.memory->cgroup->limit_bytes = 456;
  snapshot.gc.emplace();
  snapshot.gc->state.generations = {{7, 8, 9}, {1, 2, 3}};
  snapshot.gc->state.enabled = true;
  snapshot.gc->pauses.resize(1);
  snapshot.gc->pauses[0].count = 2;
  snapshot.gc->pauses[0].log2_ns_counts[3] = 2;
  snapshot.census.emplace();
  snapshot.census->types = {{"dict", 1, 10, 1000},
                            {"m.C", 2, 20, 900},
                            {"str", 3, 5, 100},
                            {"int", 4, 4, 50}};
  snapshot.census->size_classes = {{16, 2, 100, 3}};
  snapshot.census->coverage = {99, 100, false, 0, "census"};
  core::StackProfile profile;
  profile.command_id = 77;
  profile.stacks.resize(1);
  profile.stacks[0].frames = {{"load", "v.py", 118, "routing"},
                              {"main", "v.py", 1, "routing"}};
  core::StackCount count;
  count.probe = core::ProbeKind::kTypeGenericAlloc;
  count.type = "m.C";
  count.allocations = 11;
  profile.counts = {count};
  profile.balance = {{16, 5, 4, 1}};
  profile.net_counts_refused = true;
  snapshot.stack_profiles = {profile};
  snapshot.requests.emplace();
  snapshot.requests->counts = {
      {"app_requests_total", {{"city", "singapore"}}, 12.0, false}};
  snapshot.tiers = {{core::Tier::kGc, false, "not probed: no symbol", ""}};
  snapshot.losses = {{"process_gone", 1}};
  return snapshot;
}

TEST(ReportEncoderTest, EveryPartArrives) {
  core::NodeReport report;
  report.boot_id = "boot";
  report.node = "node-1";
  report.boottime_ns = 9;
  report.wall_offset_ns = 10;
  report.snapshots = {FullSnapshot()};
  core::DescribedProcess process;
  process.description.id = {42, 1000, 3};
  process.description.workload.name = "routing-api";
  process.python.emplace();
  process.python->version = {3, 11, 2};
  report.processes = {process};
  report.node_sample = core::NodeSample{.mem_total_bytes = 1'000};
  report.losses = {{"spool_full", 4}};
  auto encoded = EncodeReport(report, {.max_types = 2});
  ASSERT_EQ(encoded.batches.size(), 1u);
  v1::Batch batch = Decode(encoded.batches[0]);

  EXPECT_EQ(batch.boot_id(), "boot");
  EXPECT_EQ(batch.strings(0), "");
  ASSERT_EQ(batch.processes_size(), 1);
  EXPECT_EQ(batch.processes(0).python().version(), "3.11.2");
  EXPECT_EQ(batch.processes(0).node(), "node-1");
  EXPECT_EQ(batch.node().mem_total_bytes(), 1000);
  EXPECT_EQ(batch.losses(0).reason(), "spool_full");
  ASSERT_EQ(batch.snapshots_size(), 1);
  const v1::Snapshot& snapshot = batch.snapshots(0);
  EXPECT_EQ(snapshot.process().pid(), 42);
  EXPECT_EQ(snapshot.process().exec_seq(), 3u);
  EXPECT_EQ(snapshot.memory().cgroup().limit_bytes(), 456);
  EXPECT_TRUE(snapshot.gc().enabled());
  EXPECT_EQ(snapshot.gc().generations_size(), 2);
  EXPECT_EQ(snapshot.gc().generations(0).pause_log2_ns_counts_size(), 4);
  EXPECT_EQ(snapshot.pymalloc().size_classes(0).blocks_live(), 100);
  // Two types by bytes, the rest summed.
  const v1::TypeCensus& census = snapshot.census();
  ASSERT_EQ(census.types_size(), 2);
  EXPECT_EQ(batch.strings(static_cast<int>(census.types(1).type_str())), "m.C");
  EXPECT_EQ(census.other_types(), 2);
  EXPECT_EQ(census.other_objects(), 9);
  EXPECT_EQ(census.other_bytes(), 150);
  EXPECT_DOUBLE_EQ(census.coverage().share(), 0.99);
  const v1::StackProfile& profile = snapshot.stack_profiles(0);
  EXPECT_EQ(profile.kind(), v1::StackProfile::KIND_WINDOW);
  EXPECT_EQ(profile.stacks(0).id().size(), 16u);
  EXPECT_EQ(profile.stacks(0).frames(0).line(), 118);
  EXPECT_EQ(profile.counts(0).probe(), v1::PROBE_TYPE_GENERIC_ALLOC);
  // One string, however often it is said.
  EXPECT_EQ(profile.counts(0).type_str(), census.types(1).type_str());
  EXPECT_TRUE(profile.net_counts_refused());
  EXPECT_EQ(profile.command_id(), 77u);
  EXPECT_EQ(batch.strings(static_cast<int>(
                snapshot.requests().counts(0).attributes(0).value_str())),
            "singapore");
  EXPECT_EQ(snapshot.tiers(0).reason(), "not probed: no symbol");
  EXPECT_EQ(snapshot.losses(0).reason(), "process_gone");
}

// gc.isenabled() is true behind gc.set_threshold(0), and nothing is collected.
TEST(ReportEncoderTest, AThresholdOfZeroIsACollectorThatIsOff) {
  const auto enabled = [](std::vector<int64_t> thresholds) {
    core::NodeReport report;
    report.snapshots.resize(1);
    core::GcState& state = report.snapshots[0].gc.emplace().state;
    state.enabled = true;
    state.thresholds = std::move(thresholds);
    return Decode(EncodeReport(report, {}).batches[0])
        .snapshots(0)
        .gc()
        .enabled();
  };
  EXPECT_FALSE(enabled({0, 10, 10}));
  EXPECT_TRUE(enabled({700, 10, 10}));
  EXPECT_TRUE(enabled({}));
}

// It was left at zero, and nothing told a heap that is frozen.
TEST(ReportEncoderTest, WhatTheCollectorDoesNotSeeArrives) {
  core::NodeReport report;
  report.snapshots.resize(2);
  core::GcState& state = report.snapshots[0].gc.emplace().state;
  state.frozen_objects = 1234;
  state.thresholds = {700, 10, 100'000};
  state.long_lived = {.total = 4000, .pending = 900};
  report.snapshots[1].gc.emplace();
  const v1::Batch batch = Decode(EncodeReport(report, {}).batches[0]);
  const v1::GcSample& gc = batch.snapshots(0).gc();
  EXPECT_EQ(gc.frozen_objects(), 1234);
  ASSERT_EQ(gc.thresholds_size(), 3);
  EXPECT_EQ(gc.thresholds(2), 100'000);
  EXPECT_EQ(gc.long_lived_objects(), 4000);
  EXPECT_EQ(gc.long_lived_pending(), 900);
  const v1::GcSample& unknown = batch.snapshots(1).gc();
  EXPECT_FALSE(unknown.has_frozen_objects());
  EXPECT_FALSE(unknown.has_long_lived_pending());
}

TEST(ReportEncoderTest, WhatWasNotMeasuredIsAbsent) {
  core::NodeReport report;
  report.snapshots.resize(1);
  report.snapshots[0].memory.emplace().cgroup.emplace();
  v1::Batch batch = Decode(EncodeReport(report, {}).batches[0]);
  const v1::Snapshot& snapshot = batch.snapshots(0);
  EXPECT_FALSE(snapshot.has_gc());
  EXPECT_FALSE(snapshot.has_census());
  EXPECT_FALSE(snapshot.has_pymalloc());
  EXPECT_FALSE(snapshot.has_requests());
  EXPECT_FALSE(snapshot.memory().cgroup().has_limit_bytes());
  EXPECT_EQ(snapshot.memory().open_fds(), 0);  // no negative size, ever
  EXPECT_FALSE(batch.has_node());
}

TEST(ReportEncoderTest, HeadersOnlyHasNoTypes) {
  core::NodeReport report;
  report.snapshots.resize(1);
  report.snapshots[0].census.emplace();
  report.snapshots[0].census_headers_only = true;
  v1::Batch batch = Decode(EncodeReport(report, {}).batches[0]);
  EXPECT_TRUE(batch.snapshots(0).has_pymalloc());
  EXPECT_FALSE(batch.snapshots(0).has_census());
}

TEST(ReportEncoderTest, LargeReportsAreSplitAndLoseNothing) {
  core::NodeReport report;
  report.processes.resize(1);
  for (int i = 0; i < 40; ++i) {
    report.snapshots.push_back(FullSnapshot());
    report.snapshots.back().process.pid = i;
  }
  auto encoded = EncodeReport(report, {.max_batch_bytes = 2000});
  EXPECT_GT(encoded.batches.size(), 5u);
  EXPECT_EQ(encoded.too_large, 0);
  int next = 0;
  int processes = 0;
  for (const std::string& bytes : encoded.batches) {
    EXPECT_LE(bytes.size(), 2000u);
    v1::Batch batch = Decode(bytes);
    processes += batch.processes_size();
    for (const v1::Snapshot& snapshot : batch.snapshots()) {
      EXPECT_EQ(snapshot.process().pid(), next++);
      EXPECT_EQ(snapshot.stack_profiles_size(), 1);
    }
  }
  EXPECT_EQ(next, 40);
  EXPECT_EQ(processes, 1);
}

TEST(ReportEncoderTest, ASnapshotOverTheBoundLosesItsStacksAndSaysSo) {
  core::NodeReport report;
  report.snapshots = {FullSnapshot()};
  auto& frames = report.snapshots[0].stack_profiles[0].stacks[0].frames;
  for (int i = 0; i < 500; ++i) {
    frames.push_back({"f" + std::to_string(i), "x.py", i, "m"});
  }
  auto encoded = EncodeReport(report, {.max_batch_bytes = 2000});
  EXPECT_EQ(encoded.too_large, 1);
  v1::Batch batch = Decode(encoded.batches.back());
  ASSERT_EQ(batch.snapshots_size(), 1);
  EXPECT_EQ(batch.snapshots(0).stack_profiles_size(), 0);
  EXPECT_TRUE(batch.snapshots(0).has_census());
  bool told = false;
  for (const v1::Loss& loss : batch.snapshots(0).losses()) {
    told |= loss.reason() == "batch_too_large";
  }
  EXPECT_TRUE(told);
}

// protobuf refuses the whole batch for one such byte, and a target may call a
// class what it likes (a lone surrogate among others).
TEST(ReportEncoderTest, StringsOfTargetsThatAreNotUtf8AreCleaned) {
  core::NodeReport report;
  report.boot_id = "boot";
  report.snapshots = {FullSnapshot()};
  core::Snapshot& snapshot = report.snapshots[0];
  snapshot.census->types[0].type = "m.\xed\xa0\x80";
  snapshot.stack_profiles[0].stacks[0].frames[0].file = "caf\xe9.py";
  snapshot.requests->counts[0].attributes = {{"city", "\xff"}};
  snapshot.memory->cgroup->path = "/a\xc0\xaf";
  snapshot.tiers[0].reason = "\xf5";
  core::DescribedProcess process;
  process.description.command = "python \xfe.py";
  process.description.region = "S\xc3\xa3o Paulo";  // well formed
  report.processes = {process};
  auto encoded = EncodeReport(report, {});
  ASSERT_EQ(encoded.batches.size(), 1u);
  const v1::Batch batch = Decode(encoded.batches[0]);
  std::vector<std::string> strings(batch.strings().begin(),
                                   batch.strings().end());
  EXPECT_THAT(strings, ::testing::IsSupersetOf({"m.???", "caf?.py", "?"}));
  EXPECT_EQ(batch.snapshots(0).memory().cgroup().path(), "/a??");
  EXPECT_EQ(batch.snapshots(0).tiers(0).reason(), "?");
  EXPECT_EQ(batch.processes(0).command(), "python ?.py");
  EXPECT_EQ(batch.processes(0).region(), "S\xc3\xa3o Paulo");
}

}  // namespace
}  // namespace plimsoll::exporter

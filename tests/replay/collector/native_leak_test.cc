// A leak of native memory from the agents' batches to the page, through the
// decoder, the store and the engine; and one whose malloc is not read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/core/engine/engine.h"
#include "collector/observe.h"
#include "collector/rpc/batch_decoder.h"
#include "collector/store/store.h"
#include "tests/support/golden_batch.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::collector {
namespace {

using plimsoll::testing::AddGoldenDescription;
using plimsoll::testing::AddSnapshot;
using plimsoll::testing::BatchStrings;
using plimsoll::testing::EmptyBatch;
using plimsoll::testing::Encode;
using plimsoll::testing::kGoldenBoottimeNs;
using plimsoll::testing::kGoldenUnixNs;
using plimsoll::testing::kSecond;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kLimit = 400 * kMiB;
constexpr int64_t kLeakPerS = 500'000;
constexpr int64_t kPools = 40 * kMiB, kPythonInMalloc = 8 * kMiB;

class NativeLeakReplay : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = store::Store::Open(
        {.path = (directory_.path() / "fleet.db").string()},
        {rpc::DecodeBatch, [this] { return now_ns_; }, &losses_,
         [this](const ProcessInfo& process, int64_t time_ns,
                const NodeSnapshot& snapshot) {
           engine_->OnSnapshot(process, Observe(snapshot, time_ns));
         }});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    engine_ = std::make_unique<Engine>(
        EnginePorts{store_.get(), nullptr, store_.get(), nullptr, {}},
        EngineOptions{});
    ASSERT_TRUE(
        store_->OpenStream({"agent-1", "spool-1", "node-1", "0.1", "6.18", 1})
            .ok());
  }

  // What the agent sees of a process of `age_s`: memory each ten seconds, a
  // census each thirty.
  v1::Batch BatchAt(int64_t age_s, bool malloc_read) {
    v1::Batch batch = EmptyBatch(++seq_, kGoldenBoottimeNs + age_s * kSecond);
    BatchStrings strings(&batch);
    if (seq_ == 1) AddGoldenDescription(&batch);
    v1::Snapshot* snapshot = AddSnapshot(&batch);
    // In lumps, as requests come.
    const int64_t leaked = age_s * kLeakPerS + age_s / 10 % 3 * 100'000;
    v1::MemorySample* memory = snapshot->mutable_memory();
    memory->set_rss_bytes(80 * kMiB + leaked);
    memory->set_anon_bytes(60 * kMiB + leaked);
    v1::CgroupMemory* cgroup = memory->mutable_cgroup();
    cgroup->set_current_bytes(70 * kMiB + leaked);
    cgroup->set_limit_bytes(kLimit);
    if (age_s % 30 != 0) return batch;
    v1::SizeClass* size = snapshot->mutable_pymalloc()->add_size_classes();
    size->set_block_bytes(64);
    size->set_blocks_live(kPools / 64);
    snapshot->mutable_pymalloc()->set_arena_bytes(kPools + kMiB);
    v1::TypeCount* type = snapshot->mutable_census()->add_types();
    type->set_type_str(strings("dict"));
    type->set_objects(60'000);
    type->set_bytes(kPools);
    if (!malloc_read) return batch;
    v1::MallocUse* use = snapshot->mutable_census()->mutable_malloc();
    use->set_live_bytes(kPythonInMalloc + 2 * kMiB + leaked);
    use->set_free_bytes(kMiB);
    use->set_object_bytes(kPythonInMalloc / 2);
    use->set_buffer_bytes(kPythonInMalloc / 2);
    use->set_live_chunks(1000);
    return batch;
  }

  void Play(bool malloc_read, int64_t until_s) {
    for (int64_t age_s = 0; age_s <= until_s; age_s += 10) {
      now_ns_ = kGoldenUnixNs + age_s * kSecond;
      std::vector<IncomingBatch> group(1);
      group[0] = {
          "agent-1", "spool-1", Encode(BatchAt(age_s, malloc_read)), {}};
      auto batch = rpc::DecodeBatch(group[0].raw);
      ASSERT_TRUE(batch.ok()) << batch.status();
      group[0].batch = *std::move(batch);
      ASSERT_TRUE(store_->Apply(group).ok());
      const absl::Status tick = engine_->Tick(now_ns_);
      ASSERT_TRUE(tick.ok()) << tick;
    }
  }

  plimsoll::testing::TempDir directory_;
  LossCounter losses_;
  int64_t now_ns_ = kGoldenUnixNs;
  uint64_t seq_ = 0;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(NativeLeakReplay, IsPagedAsNative) {
  Play(true, 430);
  const auto incidents = engine_->Incidents();
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].state, IncidentState::kFiring);
  EXPECT_TRUE(incidents[0].page);
  EXPECT_EQ(ToString(incidents[0].cause), "native");
  EXPECT_THAT(incidents[0].text.what, StartsWith("native memory +2"));
}

TEST_F(NativeLeakReplay, WhereItsMallocIsNotReadTheBoardSaysSo) {
  Play(false, 430);
  EXPECT_TRUE(engine_->Incidents().empty());
  const auto shown = engine_->Shown();
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_EQ(shown.begin()->first.name, "routing-api");
  EXPECT_THAT(shown.begin()->second.why,
              HasSubstr("its malloc is not one whose chunks are read"));
}

}  // namespace
}  // namespace plimsoll::collector

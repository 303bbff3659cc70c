// The store over a real file: what was acknowledged is there after any end, and
// nothing is there twice.
#include "collector/store/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "collector/rpc/batch_decoder.h"
#include "collector/store/sqlite.h"
#include "tests/support/golden_batch.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::collector::store {
namespace {

using plimsoll::testing::AddGoldenMemory;
using plimsoll::testing::AddSnapshot;
using plimsoll::testing::EmptyBatch;
using plimsoll::testing::Encode;
using plimsoll::testing::GoldenBatch;
using plimsoll::testing::kGoldenBoottimeNs;
using plimsoll::testing::kGoldenUnixNs;
using plimsoll::testing::kGoldenWallOffsetNs;
using plimsoll::testing::kSecond;
using plimsoll::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int64_t kForever = int64_t{1} << 62;

class StoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> Open() {
    auto store = TryOpen();
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  absl::StatusOr<std::unique_ptr<Store>> TryOpen() {
    options_.path = Path();
    return Store::Open(
        options_, {rpc::DecodeBatch, [this] { return now_ns_; }, &losses_, {}});
  }
  std::string Path() { return (directory_.path() / "fleet.db").string(); }

  static IncomingBatch Incoming(const v1::Batch& batch) {
    IncomingBatch incoming{"agent-1", "spool-1", Encode(batch), {}};
    auto decoded = rpc::DecodeBatch(incoming.raw);
    EXPECT_TRUE(decoded.ok()) << decoded.status();
    if (decoded.ok()) incoming.batch = *std::move(decoded);
    return incoming;
  }
  static absl::Status Apply(Store& store, const v1::Batch& batch) {
    std::vector<IncomingBatch> group;
    group.push_back(Incoming(batch));
    return store.Apply(group);
  }
  // A batch with one memory sample, `step` ticks of ten seconds after the
  // first.
  static v1::Batch Tick(uint64_t seq, int step, int64_t rss) {
    v1::Batch batch = EmptyBatch(seq, kGoldenBoottimeNs + step * 10 * kSecond);
    AddGoldenMemory(AddSnapshot(&batch), rss);
    return batch;
  }
  static std::vector<double> Rss(const Store& store, ProcessKey key = 1) {
    std::vector<double> values;
    auto samples = store.Read(key, {metric::kRss, ""}, 0, kForever);
    EXPECT_TRUE(samples.ok()) << samples.status();
    for (const Sample& sample : *samples) values.push_back(sample.value);
    return values;
  }

  TempDir directory_;
  StoreOptions options_;
  LossCounter losses_;
  int64_t now_ns_ = kGoldenUnixNs + 60 * kSecond;
};

TEST_F(StoreTest, AKillAfterTheAckLosesAndDoublesNothing) {
  for (bool rollover_between : {false, true}) {
    SCOPED_TRACE(rollover_between);
    std::filesystem::remove_all(directory_.path());
    std::filesystem::create_directories(directory_.path());
    auto store = Open();
    ASSERT_TRUE(Apply(*store, Tick(1, 0, 100)).ok());
    ASSERT_TRUE(Apply(*store, Tick(2, 1, 200)).ok());
    if (rollover_between) {
      ASSERT_TRUE(store->Rollover().ok());
    }
    ASSERT_TRUE(Apply(*store, Tick(3, 2, 300)).ok());
    EXPECT_THAT(Rss(*store), ElementsAre(100, 200, 300));
    // As after kill -9: the files as they are at this moment, read elsewhere.
    TempDir copy;
    for (const char* name : {"fleet.db", "fleet.db-wal"}) {
      std::filesystem::copy(directory_.path() / name, copy.path() / name);
    }
    store.reset();
    StoreOptions options = options_;
    options.path = (copy.path() / "fleet.db").string();
    auto again = Store::Open(
        options, {rpc::DecodeBatch, [this] { return now_ns_; }, &losses_, {}});
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_THAT(Rss(**again), ElementsAre(100, 200, 300));
    auto next = (*again)->OpenStream({"agent-1", "spool-1", "", "", "", 0});
    ASSERT_TRUE(next.ok());
    EXPECT_EQ(*next, 4u);
    ASSERT_TRUE(Apply(**again, Tick(4, 3, 400)).ok());
    EXPECT_THAT(Rss(**again), ElementsAre(100, 200, 300, 400));
    ASSERT_TRUE((*again)->Rollover().ok());
    EXPECT_THAT(Rss(**again), ElementsAre(100, 200, 300, 400));
  }
}

TEST_F(StoreTest, ABatchSentAgainChangesNothingAndIsCounted) {
  auto store = Open();
  ASSERT_TRUE(Apply(*store, GoldenBatch(1)).ok());
  ASSERT_TRUE(Apply(*store, GoldenBatch(1)).ok());
  // In one group too.
  std::vector<IncomingBatch> group;
  group.push_back(Incoming(Tick(2, 1, 7)));
  group.push_back(Incoming(Tick(2, 1, 7)));
  ASSERT_TRUE(store->Apply(group).ok());
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_DUPLICATE), 2);
  EXPECT_THAT(Rss(*store), ElementsAre(101'000'000, 7));
  EXPECT_THAT(*store->Evidence(1, "holders", 0, kForever, 10), SizeIs(1));
  auto agents = store->Agents();
  ASSERT_THAT(*agents, SizeIs(1));
  ASSERT_THAT((*agents)[0].losses, SizeIs(1));
  EXPECT_EQ((*agents)[0].losses[0].count, 9);
}

TEST_F(StoreTest, IncrementsGoOnAcrossRolloverAndStart) {
  auto pauses = [&](Store& store) {
    auto samples = store.Read(1, {metric::kGcPauseSum, "2"}, 0, kForever);
    return samples->back().value;
  };
  auto store = Open();
  ASSERT_TRUE(Apply(*store, GoldenBatch(1)).ok());
  ASSERT_TRUE(store->Rollover().ok());
  v1::Batch second = GoldenBatch(2);
  second.set_boottime_ns(kGoldenBoottimeNs + 10 * kSecond);
  second.mutable_snapshots(0)->set_boottime_ns(second.boottime_ns());
  ASSERT_TRUE(Apply(*store, second).ok());
  EXPECT_EQ(pauses(*store), 2 * 5'600);
  store.reset();
  store = Open();
  EXPECT_EQ(pauses(*store), 2 * 5'600);
}

TEST_F(StoreTest, AWallClockThatStepsDoesNotMoveSamples) {
  auto store = Open();
  ASSERT_TRUE(Apply(*store, Tick(1, 0, 1)).ok());
  v1::Batch stepped = Tick(2, 1, 2);
  stepped.set_wall_offset_ns(kGoldenWallOffsetNs + 86'400 * kSecond);
  ASSERT_TRUE(Apply(*store, stepped).ok());
  auto samples = store->Read(1, {metric::kRss, ""}, 0, kForever);
  ASSERT_THAT(*samples, SizeIs(2));
  EXPECT_EQ((*samples)[1].time_ns - (*samples)[0].time_ns, 10 * kSecond);
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_FUTURE_TIMESTAMP), 0);
}

TEST_F(StoreTest, ANodeInTheFutureIsCountedAndHarmsNoOther) {
  auto store = Open();
  v1::Batch future = Tick(1, 0, 1);
  future.set_wall_offset_ns(kGoldenWallOffsetNs + 86'400 * kSecond);
  std::vector<IncomingBatch> group;
  group.push_back(Incoming(future));
  group.push_back(Incoming(Tick(1, 0, 5)));
  group[1].agent_id = "agent-2";
  ASSERT_TRUE(store->Apply(group).ok());
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_FUTURE_TIMESTAMP), 1);
  EXPECT_THAT(*store->Processes(0), SizeIs(1));
  EXPECT_THAT(Rss(*store), ElementsAre(5));
  // Its clock is set: now it is heard, and its boot fixed from here on.
  ASSERT_TRUE(Apply(*store, Tick(2, 1, 6)).ok());
  EXPECT_THAT(*store->Processes(0), SizeIs(2));
}

TEST_F(StoreTest, TheSeriesLimitIsCounted) {
  options_.max_series_per_process = 5;
  auto store = Open();
  ASSERT_TRUE(Apply(*store, GoldenBatch(1)).ok());
  EXPECT_THAT(*store->AllSeries(1), SizeIs(5));
  EXPECT_GT(losses_.Total(PLIMSOLL_DROP_SERIES_LIMIT), 10);
  EXPECT_THAT(Rss(*store), ElementsAre(101'000'000));
}

TEST_F(StoreTest, AFullDiskIsNotAcknowledgedAndPassesWhenThereIsRoom) {
  auto store = Open();
  ASSERT_TRUE(Apply(*store, Tick(1, 0, 1)).ok());
  store.reset();
  options_.max_bytes = static_cast<int64_t>(std::filesystem::file_size(Path()));
  store = Open();
  absl::Status full;
  uint64_t seq = 2;
  std::string noise(100'000, ' ');
  std::minstd_rand random(3);
  for (; seq < 50; ++seq) {
    v1::Batch batch = Tick(seq, static_cast<int>(seq), 1);
    for (char& c : noise) c = static_cast<char>(32 + random() % 90);
    batch.add_strings(noise);
    full = Apply(*store, batch);
    if (!full.ok()) break;
  }
  ASSERT_TRUE(absl::IsResourceExhausted(full)) << full;
  auto next = store->OpenStream({"agent-1", "spool-1", "", "", "", 0});
  if (next.ok()) {
    EXPECT_EQ(*next, seq);
  }
  size_t stored = Rss(*store).size();
  EXPECT_EQ(stored, seq - 1);
  store.reset();
  options_.max_bytes = 0;
  store = Open();
  EXPECT_THAT(Rss(*store), SizeIs(stored));
  ASSERT_TRUE(Apply(*store, Tick(seq, static_cast<int>(seq), 1)).ok());
  EXPECT_THAT(Rss(*store), SizeIs(stored + 1));
}

TEST_F(StoreTest, RetentionDeletesTheOldAndKeepsTheRest) {
  options_.retention_ns = 4 * 3'600 * kSecond;
  auto store = Open();
  ASSERT_TRUE(Apply(*store, GoldenBatch(1)).ok());
  ASSERT_TRUE(store->Rollover().ok());
  now_ns_ += 3 * 3'600 * kSecond;
  v1::Batch later = Tick(2, 3 * 360, 9);
  AddGoldenMemory(AddSnapshot(&later, 5000), 55);
  ASSERT_TRUE(Apply(*store, later).ok());
  ASSERT_TRUE(store->Rollover().ok());
  now_ns_ += 2 * 3'600 * kSecond;
  ASSERT_TRUE(store->Expire().ok());
  EXPECT_THAT(Rss(*store), ElementsAre(9));
  EXPECT_THAT(*store->Evidence(1, "holders", 0, kForever, 10), SizeIs(0));
  now_ns_ += 5 * 3'600 * kSecond;
  ASSERT_TRUE(store->Expire().ok());
  EXPECT_THAT(*store->Processes(0), SizeIs(0));
  store.reset();
  store = Open();
  // A process that comes later does not get a number that was used before.
  v1::Batch fresh = Tick(3, 10 * 360, 1);
  AddGoldenMemory(AddSnapshot(&fresh, 6000), 55);
  ASSERT_TRUE(Apply(*store, fresh).ok());
  auto processes = store->Processes(0);
  ASSERT_THAT(*processes, SizeIs(2));
  for (const ProcessInfo& process : *processes) {
    EXPECT_GT(process.key, 2);
  }
}

TEST_F(StoreTest, AWindowThatIsNeverAnsweredFailsAndAnotherMayBeAskedFor) {
  auto store = Open();
  ASSERT_TRUE(Apply(*store, Tick(1, 0, 100)).ok());
  auto first = store->NewCommand(1, "open_window", "what");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(store->NewCommand(1, "open_window", "x")->command_id,
            first->command_id);
  auto pending = store->PendingCommands("agent-1");
  ASSERT_TRUE(pending.ok());
  ASSERT_THAT(*pending, SizeIs(1));
  EXPECT_EQ((*pending)[0].payload, "what");
  EXPECT_EQ((*pending)[0].target.process.pid, 4242);
  EXPECT_THAT(*store->PendingCommands("agent-2"), SizeIs(0));
  now_ns_ += 301 * kSecond;
  EXPECT_THAT(*store->PendingCommands("agent-1"), SizeIs(0));
  auto second = store->NewCommand(1, "open_window", "what");
  ASSERT_TRUE(second.ok());
  EXPECT_GT(second->command_id, first->command_id);
  EXPECT_THAT(store->Process(1)->commands.at(1).reason,
              HasSubstr("no answer within 300 s"));
  // The first answer counts.
  ASSERT_TRUE(
      store->FinishCommand("agent-1", second->command_id, "refused", "a").ok());
  ASSERT_TRUE(
      store->FinishCommand("agent-1", second->command_id, "done", "b").ok());
  EXPECT_EQ((*store->NewestCommand(1))->reason, "a");
}

TEST_F(StoreTest, ACollectorThatBeginsAnewGivesNoNumberTwice) {
  auto store = Open();
  ASSERT_TRUE(Apply(*store, Tick(1, 0, 100)).ok());
  const uint64_t first = store->NewCommand(1, "open_window", "")->command_id;
  store.reset();
  std::filesystem::remove_all(directory_.path());
  std::filesystem::create_directories(directory_.path());
  now_ns_ += kSecond;
  store = Open();
  ASSERT_TRUE(Apply(*store, Tick(1, 0, 100)).ok());
  EXPECT_GT(store->NewCommand(1, "open_window", "")->command_id, first);
}

TEST_F(StoreTest, TheSharesOfACensusAreTwoFigures) {
  auto store = Open();
  ASSERT_TRUE(Apply(*store, GoldenBatch(1)).ok());
  auto census = store->Census(1);
  ASSERT_TRUE(census.ok());
  ASSERT_TRUE(census->examined && census->typed);
  EXPECT_DOUBLE_EQ(*census->examined, 0.994);
  EXPECT_DOUBLE_EQ(*census->typed, 0.994 * 0.99);
  // 1 GB of it swap.
  EXPECT_EQ(store->NodeSwapFreeBytes("agent-1"), 1e9);
  EXPECT_EQ(store->NodeAvailableBytes("agent-1"), 4e9);
  EXPECT_EQ(store->NodeAvailableBytes("agent-2"), std::nullopt);
}

TEST_F(StoreTest, ADamagedFileIsAClearError) {
  { std::ofstream(Path()) << std::string(20'000, 'x'); }
  auto garbage = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(garbage.status())) << garbage.status();
  EXPECT_THAT(std::string(garbage.status().message()), HasSubstr(Path()));

  std::filesystem::remove(Path());
  {
    auto store = Open();
    ASSERT_TRUE(Apply(*store, GoldenBatch(1)).ok());
    ASSERT_TRUE(store->Rollover().ok());
  }
  std::filesystem::resize_file(Path(), std::filesystem::file_size(Path()) / 2);
  auto truncated = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(truncated.status())) << truncated.status();
}

TEST_F(StoreTest, AnOldSchemaMigratesAndANewerOneIsRefused) {
  {
    SQLite::Database old(Path(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    ASSERT_TRUE(Migrate(old, 1).ok());
    old.exec("INSERT INTO stream VALUES (1, 'agent-1', 'spool-1', 17)");
  }
  {
    auto store = Open();
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(*store->OpenStream({"agent-1", "spool-1", "", "", "", 0}), 17u);
    ASSERT_TRUE(Apply(*store, Tick(17, 0, 3)).ok());
    EXPECT_TRUE(store->NewCommand(1, "open_window", "").ok());
    EXPECT_TRUE(
        store->Save({"i1", "w", "native", "firing", 1, 2, 0, "{}"}).ok());
    EXPECT_THAT(*store->Load(0), SizeIs(1));
  }
  {
    SQLite::Database newer(Path(), SQLite::OPEN_READWRITE);
    EXPECT_EQ(newer.execAndGet("PRAGMA user_version").getInt(),
              CurrentSchemaVersion());
    newer.exec("PRAGMA user_version = 999");
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(TryOpen().status()));
}

}  // namespace
}  // namespace plimsoll::collector::store

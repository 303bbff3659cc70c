#include "collector/rpc/batch_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>

#include "plimsoll/base/utf8.h"
#include "tests/support/golden_batch.h"

namespace plimsoll::collector::rpc {
namespace {

using plimsoll::testing::AddGoldenMemory;
using plimsoll::testing::AddSnapshot;
using plimsoll::testing::EmptyBatch;
using plimsoll::testing::Encode;
using plimsoll::testing::GoldenBatch;
using plimsoll::testing::kSecond;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::optional<double> ValueOf(const NodeSnapshot& snapshot,
                              const std::string& metric,
                              const std::string& label = "") {
  for (const NodeValue& value : snapshot.values) {
    if (value.metric == metric && value.label == label) return value.value;
  }
  return std::nullopt;
}

TEST(BatchDecoder, GoldenBatchOfEveryTier) {
  auto batch = DecodeBatch(Encode(GoldenBatch(3)));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_THAT(batch->refused, IsEmpty());
  EXPECT_EQ(batch->seq, 3u);
  ASSERT_EQ(batch->snapshots.size(), 1u);
  const NodeSnapshot& snapshot = batch->snapshots[0];
  EXPECT_EQ(ValueOf(snapshot, metric::kRss), 101'000'000);
  EXPECT_EQ(ValueOf(snapshot, metric::kCgroupLimit), 512'000'000);
  EXPECT_EQ(ValueOf(snapshot, metric::kGcCollections, "2"), 12);
  EXPECT_EQ(ValueOf(snapshot, metric::kGcThreshold, "0"), 700);
  EXPECT_EQ(ValueOf(snapshot, metric::kGcPending), 90'000);
  EXPECT_EQ(ValueOf(snapshot, metric::kGcFrozen), std::nullopt);
  EXPECT_EQ(ValueOf(snapshot, metric::kLiveBytes), 64 * 6'000);
  EXPECT_EQ(ValueOf(snapshot, metric::kFreeBytes), 524'288 - 64 * 6'000);
  EXPECT_EQ(ValueOf(snapshot, metric::kTypeObjects,
                    "routing.vehicles.FloatingVehicle"),
            65'000);
  EXPECT_EQ(
      ValueOf(snapshot, metric::kRequests, "city=singapore,outcome=exception"),
      88);
  ASSERT_TRUE(snapshot.typed_share.has_value());
  EXPECT_DOUBLE_EQ(*snapshot.typed_share, 0.994 * 0.99);
  EXPECT_EQ(snapshot.evidence.size(), 7u);
  ASSERT_EQ(batch->processes.size(), 1u);
  EXPECT_EQ(batch->processes[0].info.workload.ToString(),
            "prod/routing/Deployment/routing-api");
}

// Counts that jump between the workers of a service are shown with the reason,
// and enter no figure.
TEST(BatchDecoder, UnreliableRequestsAreShownButNotCounted) {
  v1::Batch golden = GoldenBatch(3);
  auto* requests = golden.mutable_snapshots(0)->mutable_requests();
  requests->set_reliable(false);
  requests->set_unreliable_reason("several processes answer in turn");
  auto batch = DecodeBatch(Encode(golden));
  ASSERT_TRUE(batch.ok()) << batch.status();
  const NodeSnapshot& snapshot = batch->snapshots.at(0);
  for (const auto& value : snapshot.values) {
    EXPECT_THAT(std::string(value.metric),
                ::testing::Not(::testing::HasSubstr("request")));
  }
  bool shown = false;
  for (const auto& latest : snapshot.latest) {
    if (latest.kind != "requests") continue;
    shown = latest.json.find("several processes answer") != std::string::npos;
  }
  EXPECT_TRUE(shown);
}

TEST(BatchDecoder, MemoryThatIsSwappedOutHasNotShrunk) {
  v1::Batch golden = GoldenBatch(3);
  golden.mutable_snapshots(0)->mutable_memory()->set_anon_bytes(50);
  golden.mutable_snapshots(0)->mutable_memory()->set_swap_bytes(7);
  auto batch = DecodeBatch(Encode(golden));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(ValueOf(batch->snapshots.at(0), metric::kAnon), 57);
  EXPECT_EQ(ValueOf(batch->snapshots.at(0), metric::kSwap), 7);
}

TEST(BatchDecoder, AGaugeIsASeriesOfItsOwnAndNoRequest) {
  v1::Batch golden = GoldenBatch(3);
  auto* count =
      golden.mutable_snapshots(0)->mutable_requests()->mutable_counts(0);
  count->set_gauge(true);
  count->set_value(12);
  auto batch = DecodeBatch(Encode(golden));
  ASSERT_TRUE(batch.ok()) << batch.status();
  int gauges = 0;
  for (const auto& value : batch->snapshots.at(0).values) {
    if (value.metric != metric::kGauge) continue;
    ++gauges;
    EXPECT_EQ(value.value, 12);
    EXPECT_TRUE(value.label.starts_with("~")) << value.label;
    EXPECT_NE(value.label.find(" city="), std::string::npos) << value.label;
  }
  EXPECT_EQ(gauges, 1);
}

struct BadPart {
  const char* name;
  std::function<void(v1::Batch*)> spoil;
  plimsoll_drop_reason reason;
};

// Each spoils one part of the first snapshot; the second must not notice.
TEST(BatchDecoder, ABadPartIsCountedAndHarmsNothingElse) {
  const std::vector<BadPart> parts = {
      {"no process",
       [](v1::Batch* b) { b->mutable_snapshots(0)->clear_process(); },
       PLIMSOLL_DROP_INVALID_MESSAGE},
      {"another boot",
       [](v1::Batch* b) {
         b->mutable_snapshots(0)->mutable_process()->set_boot_id("other");
       },
       PLIMSOLL_DROP_INVALID_MESSAGE},
      {"negative size",
       [](v1::Batch* b) {
         b->mutable_snapshots(0)->mutable_memory()->set_rss_bytes(-1);
       },
       PLIMSOLL_DROP_INVALID_MESSAGE},
      {"type past the string table",
       [](v1::Batch* b) {
         b->mutable_snapshots(0)
             ->mutable_census()
             ->mutable_types(0)
             ->set_type_str(999);
       },
       PLIMSOLL_DROP_INVALID_MESSAGE},
      {"stack past the stacks",
       [](v1::Batch* b) {
         b->mutable_snapshots(0)
             ->mutable_stack_profiles(0)
             ->mutable_counts(0)
             ->set_stack_index(7);
       },
       PLIMSOLL_DROP_INVALID_MESSAGE},
      {"not a count",
       [](v1::Batch* b) {
         b->mutable_snapshots(0)
             ->mutable_requests()
             ->mutable_counts(0)
             ->set_value(std::numeric_limits<double>::quiet_NaN());
       },
       PLIMSOLL_DROP_INVALID_MESSAGE},
      {"taken after the batch was closed",
       [](v1::Batch* b) {
         b->mutable_snapshots(0)->set_boottime_ns(b->boottime_ns() +
                                                  3'600 * kSecond);
       },
       PLIMSOLL_DROP_FUTURE_TIMESTAMP},
  };
  for (const BadPart& part : parts) {
    v1::Batch message = GoldenBatch(1);
    AddGoldenMemory(AddSnapshot(&message, 5000), 55'000'000);
    part.spoil(&message);
    auto batch = DecodeBatch(Encode(message));
    ASSERT_TRUE(batch.ok()) << part.name;
    EXPECT_THAT(batch->refused, ElementsAre(Pair(part.reason, 1))) << part.name;
    ASSERT_FALSE(batch->snapshots.empty()) << part.name;
    EXPECT_EQ(ValueOf(batch->snapshots.back(), metric::kRss), 55'000'000)
        << part.name;
  }
}

TEST(BatchDecoder, ABadTierLeavesTheOtherTiersOfItsSnapshot) {
  v1::Batch message = GoldenBatch(1);
  message.mutable_snapshots(0)->mutable_census()->set_other_bytes(-1);
  auto batch = DecodeBatch(Encode(message));
  ASSERT_TRUE(batch.ok());
  const NodeSnapshot& snapshot = batch->snapshots[0];
  EXPECT_EQ(ValueOf(snapshot, metric::kRss), 101'000'000);
  EXPECT_EQ(ValueOf(snapshot, metric::kTypeObjects,
                    "routing.vehicles.FloatingVehicle"),
            std::nullopt);
  EXPECT_FALSE(snapshot.typed_share.has_value());
}

TEST(BatchDecoder, UnknownEnumValuesAreTolerated) {
  v1::Batch message = GoldenBatch(1);
  v1::Snapshot* snapshot = message.mutable_snapshots(0);
  snapshot->mutable_stack_profiles(0)->set_kind(
      static_cast<v1::StackProfile::Kind>(99));
  v1::TierStatus* tier = snapshot->add_tiers();
  tier->set_tier(static_cast<v1::Tier>(77));
  auto batch = DecodeBatch(Encode(message));
  ASSERT_TRUE(batch.ok());
  EXPECT_THAT(batch->refused, IsEmpty());
  EXPECT_EQ(batch->snapshots[0].tiers[0].tier, "unknown");
}

TEST(BatchDecoder, AnEndedProcessLeavesNoZeroes) {
  v1::Batch message = EmptyBatch(1);
  v1::Snapshot* snapshot = AddSnapshot(&message);
  snapshot->mutable_memory()->set_exited(true);
  auto batch = DecodeBatch(Encode(message));
  ASSERT_TRUE(batch.ok());
  EXPECT_TRUE(batch->snapshots[0].exited);
  EXPECT_THAT(batch->snapshots[0].values, IsEmpty());
}

TEST(BatchDecoder, ATruncatedMessageKeepsItsSeq) {
  std::string bytes = Encode(GoldenBatch(41));
  int readable = 0;
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    std::string part = bytes.substr(0, cut);
    EXPECT_FALSE(DecodeBatch(part).ok()) << cut;
    if (auto seq = PeekSeq(part)) {
      EXPECT_EQ(*seq, 41u);
      ++readable;
    }
  }
  EXPECT_GT(readable, 100);
}

TEST(BatchDecoder, TooLargeIsRefused) {
  v1::Batch message = EmptyBatch(1);
  message.add_strings(std::string(kMaxBatchBytes, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(DecodeBatch(Encode(message)).status()));
}

TEST(BatchDecoder, RandomChangesNeverCrash) {
  std::mt19937 random(7);
  const std::string bytes = Encode(GoldenBatch(1));
  for (int i = 0; i < 20'000; ++i) {
    std::string changed = bytes;
    for (unsigned n = random() % 8 + 1; n > 0; --n) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    auto batch = DecodeBatch(changed);
    if (batch.ok()) {
      EXPECT_LE(batch->snapshots.size(), 20'000u);
    }
    PeekSeq(changed);
  }
}

// In the bytes that come over the network; protobuf would not write them.
std::string WithBadBytes(std::string bytes, const std::string& good,
                         const std::string& bad) {
  const size_t at = bytes.find(good);
  EXPECT_NE(at, std::string::npos) << good;
  return bytes.replace(at, good.size(), bad);
}

TEST(BatchDecoder, OneStringThatIsNotUtf8DoesNotCostTheBatch) {
  const std::string bytes = Encode(GoldenBatch(3));
  auto whole = DecodeBatch(bytes);
  ASSERT_TRUE(whole.ok());
  auto batch = DecodeBatch(WithBadBytes(bytes, "FloatingVehicle",
                                        "Floating\xff\xed\xa0\x80\xc3\x28"
                                        "e"));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_THAT(batch->refused,
              ElementsAre(Pair(PLIMSOLL_DROP_INVALID_MESSAGE, 1)));
  ASSERT_EQ(batch->snapshots.size(), 1u);
  EXPECT_EQ(batch->snapshots[0].values.size(),
            whole->snapshots[0].values.size());
  EXPECT_EQ(ValueOf(batch->snapshots[0], metric::kTypeObjects,
                    "routing.vehicles.Floating" + std::string(5, '?') + "(e"),
            65'000);
  EXPECT_EQ(batch->processes[0].info.workload.name, "routing-api");
  // In a name of the process, two levels down.
  batch = DecodeBatch(WithBadBytes(bytes, "Deployment", "Deploym\xf8nt"));
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->processes[0].info.workload.kind, "Deploym?nt");
}

TEST(BatchDecoder, WhatIsCleanedIsWhatProtobufTakes) {
  std::mt19937 random(3);
  const std::string starts =
      "\xc1\xc2\xdf\xe0\xe1\xed\xee\xef\xf0\xf1\xf4\xf5\x80\xbf\x9f\xa0\x90"
      "a";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (unsigned n = random() % 6 + 1; n > 0; --n) {
      text += starts[random() % starts.size()];
    }
    const std::string before = text;
    v1::NodeMessage message;
    // Field 4 of Hello is a string.
    const std::string hello = "\x0a" + std::string(1, char(text.size() + 2)) +
                              "\x22" + std::string(1, char(text.size()));
    const bool taken = message.ParseFromString(hello + text);
    EXPECT_EQ(CleanUtf8(text.data(), text.size()), !taken);
    EXPECT_TRUE(message.ParseFromString(hello + text));
    EXPECT_EQ(text.size(), before.size());
  }
}

}  // namespace
}  // namespace plimsoll::collector::rpc

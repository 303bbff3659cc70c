#include "collector/store/chunk_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace plimsoll::collector::store {
namespace {

using Limits = std::numeric_limits<double>;

std::vector<uint64_t> Bits(const std::vector<double>& values) {
  std::vector<uint64_t> bits;
  for (double value : values) bits.push_back(std::bit_cast<uint64_t>(value));
  return bits;
}

struct ValuesCase {
  const char* name;
  std::vector<double> values;
};

std::vector<ValuesCase> Cases() {
  std::vector<ValuesCase> cases = {
      {"empty", {}},
      {"one", {42}},
      {"constant", std::vector<double>(1000, 7)},
      {"pages", {4096, 8192, 8192, 8192, 40960, 4096}},
      {"negative", {-1, -4096, 0, 5, -5}},
      {"fraction", {0.1, 0.2, 0.2, 0.2, 0.30000000000000004}},
      {"integers then fraction", {1, 2, 3, 3.5, 4}},
      {"not a number",
       {1, Limits::quiet_NaN(), 1, -Limits::quiet_NaN(),
        std::bit_cast<double>(0x7ff0000000000001)}},
      {"extremes",
       {Limits::max(), Limits::lowest(), Limits::min(), Limits::denorm_min(),
        Limits::infinity(), -Limits::infinity(), 0.0, -0.0}},
      {"edge of exact integers",
       {9007199254740991, -9007199254740991, 0, 9007199254740992,
        9007199254740994}},
      {"int64 range", {9.3e18, -9.3e18}},
  };
  std::mt19937_64 random(1);
  ValuesCase noise{"random bits", {}}, walk{"random walk", {}};
  double at = 1e8;
  for (int i = 0; i < 5000; ++i) {
    noise.values.push_back(std::bit_cast<double>(random()));
    at += static_cast<double>(random() % 100) * 4096 - 200000;
    walk.values.push_back(
        random() % 3 == 0 && !walk.values.empty() ? walk.values.back() : at);
  }
  cases.push_back(noise);
  cases.push_back(walk);
  return cases;
}

TEST(ChunkCodec, ValuesComeBackBitForBit) {
  for (const ValuesCase& c : Cases()) {
    auto decoded = DecodeValues(EncodeValues(c.values), c.values.size());
    ASSERT_TRUE(decoded.ok()) << c.name << ": " << decoded.status();
    EXPECT_EQ(Bits(*decoded), Bits(c.values)) << c.name;
  }
}

TEST(ChunkCodec, BuilderComesBackBitForBit) {
  for (const ValuesCase& c : Cases()) {
    ChunkBuilder chunk;
    std::vector<int64_t> times;
    for (size_t i = 0; i < c.values.size(); ++i) {
      times.push_back(static_cast<int64_t>(i * i * 7) - 100);
      chunk.Append(times.back(), c.values[i]);
    }
    std::vector<int64_t> got_times;
    std::vector<double> got_values;
    ASSERT_TRUE(chunk.Decode(&got_times, &got_values).ok()) << c.name;
    EXPECT_EQ(got_times, times) << c.name;
    EXPECT_EQ(Bits(got_values), Bits(c.values)) << c.name;
  }
}

TEST(ChunkCodec, TimesComeBackWhateverTheirOrder) {
  const std::vector<std::vector<int64_t>> cases = {
      {},
      {0},
      {1, 2, 3, 4, 5},
      {1'700'000'000'000, 1'700'000'010'000, 1'700'000'020'001},
      {5, 3, 3, -8},
      {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
       0, std::numeric_limits<int64_t>::min()}};
  for (const auto& times : cases) {
    auto decoded = DecodeTimes(EncodeTimes(times), times.size());
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, times);
  }
}

TEST(ChunkCodec, RegularTimesAndConstantsCostAlmostNothing) {
  std::vector<int64_t> times;
  for (int i = 0; i < 360; ++i) times.push_back(1'700'000'000'000 + i * 10'000);
  EXPECT_LE(EncodeTimes(times).size(), 16u);
  EXPECT_LE(EncodeValues(std::vector<double>(360, 12345)).size(), 10u);
}

TEST(ChunkCodec, EveryTruncationIsAnErrorAndNotACrash) {
  for (const ValuesCase& c : Cases()) {
    if (c.values.empty()) continue;
    std::string bytes = EncodeValues(c.values);
    size_t step = std::max<size_t>(1, bytes.size() / 200);
    for (size_t cut = 0; cut < bytes.size(); cut += step) {
      EXPECT_FALSE(DecodeValues(bytes.substr(0, cut), c.values.size()).ok())
          << c.name << " cut at " << cut;
    }
    EXPECT_FALSE(DecodeValues(bytes + "x", c.values.size()).ok()) << c.name;
  }
}

TEST(ChunkCodec, HostileCountsAreRefused) {
  std::string run("\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13);
  EXPECT_FALSE(DecodeValues(run, 10).ok());
  EXPECT_FALSE(DecodeValues(run, kMaxChunkSamples + 1).ok());
  EXPECT_FALSE(DecodeValues(std::string("\x00\x7f\x02", 3), 1).ok());  // shift
  EXPECT_FALSE(DecodeValues(std::string("\x09\x00\x02", 3), 1).ok());  // mode
}

}  // namespace
}  // namespace plimsoll::collector::store

#include "agent/workload/multiprocess_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace plimsoll::workload {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

template <typename T>
void Put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

// As mmap_dict.py writes it: the key is padded so that the value is aligned.
void AddEntry(std::string& file, std::string key, double value,
              bool timestamp) {
  Put(file, static_cast<int32_t>(key.size()));
  key.append(8 - (key.size() + 4) % 8, ' ');
  file += key;
  Put(file, value);
  if (timestamp) Put(file, 0.0);
}

std::string Finish(std::string entries, size_t size = 4096) {
  std::string file;
  Put(file, static_cast<int32_t>(entries.size() + 8));
  Put(file, int32_t{0});
  file += entries;
  file.resize(std::max(size, file.size()), '\0');
  return file;
}

const std::string kKey =
    R"(["app_requests", "app_requests_total", {"city": "sf", "outcome": "ok"}, "Help."])";
const std::string kOldKey =
    R"(["app_requests", "app_requests_total", ["city"], ["new york"]])";

TEST(MultiprocessFileTest, BothFormats) {
  for (bool timestamp : {false, true}) {
    std::string entries;
    AddEntry(entries, kKey, 666, timestamp);
    AddEntry(entries, kOldKey, 334, timestamp);
    auto counts = ParseMultiprocessFile(Finish(entries));
    ASSERT_TRUE(counts.ok()) << timestamp << counts.status();
    ASSERT_EQ(counts->size(), 2u);
    EXPECT_EQ((*counts)[0].metric, "app_requests_total");
    EXPECT_EQ((*counts)[0].value, 666);
    EXPECT_THAT((*counts)[0].attributes,
                ElementsAre(Pair("city", "sf"), Pair("outcome", "ok")));
    EXPECT_EQ((*counts)[1].value, 334);
    EXPECT_THAT((*counts)[1].attributes, ElementsAre(Pair("city", "new york")));
  }
}

TEST(MultiprocessFileTest, OneEntryOfEitherFormat) {
  for (bool timestamp : {false, true}) {
    std::string entries;
    AddEntry(entries, kKey, 7, timestamp);
    auto counts = ParseMultiprocessFile(Finish(entries));
    ASSERT_TRUE(counts.ok()) << timestamp << counts.status();
    ASSERT_EQ(counts->size(), 1u);
    EXPECT_EQ((*counts)[0].value, 7);
  }
}

TEST(MultiprocessFileTest, FreshFileIsEmpty) {
  EXPECT_TRUE(ParseMultiprocessFile(std::string(65536, '\0'))->empty());
  EXPECT_TRUE(ParseMultiprocessFile(Finish(""))->empty());
}

TEST(MultiprocessFileTest, EveryCutIsAnError) {
  std::string entries;
  AddEntry(entries, kKey, 1, true);
  AddEntry(entries, kKey, 2, true);
  std::string whole = Finish(entries, 0);
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_FALSE(ParseMultiprocessFile(whole.substr(0, cut)).ok()) << cut;
  }
}

TEST(MultiprocessFileTest, GarbageIsAnError) {
  std::string bad = Finish("");
  int32_t used = 16;
  std::memcpy(bad.data(), &used, 4);
  EXPECT_FALSE(ParseMultiprocessFile(bad).ok());
  used = -5;
  std::memcpy(bad.data(), &used, 4);
  EXPECT_FALSE(ParseMultiprocessFile(bad).ok());
  for (const char* key :
       {"{}", "[1, 2, {}]", "[\"a\", \"b\"]", "[\"a\", \"b\", [\"x\"], []]",
        "[\"a\", \"b\", {\"x\": 1}]", "[[[[[[[["}) {
    std::string entries;
    AddEntry(entries, key, 1, true);
    EXPECT_FALSE(ParseMultiprocessFile(Finish(entries)).ok()) << key;
  }
}

TEST(MultiprocessFileTest, ValuesThatAreNoCountsAreLeftOut) {
  std::string entries;
  AddEntry(entries, kKey, std::numeric_limits<double>::quiet_NaN(), true);
  AddEntry(entries, kKey, -1, true);
  AddEntry(entries, kKey, 5, true);
  auto counts = ParseMultiprocessFile(Finish(entries));
  ASSERT_TRUE(counts.ok());
  ASSERT_EQ(counts->size(), 1u);
  EXPECT_EQ((*counts)[0].value, 5);
}

}  // namespace
}  // namespace plimsoll::workload

#include "agent/export/spool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace plimsoll::exporter {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

constexpr char kId[] = "0123456789abcdef0123456789abcdef";

std::unique_ptr<Spool> OpenAt(const fs::path& path,
                              int64_t max_bytes = 64 << 20) {
  auto spool = Spool::Open({path.string(), max_bytes, kId});
  EXPECT_TRUE(spool.ok()) << spool.status();
  return spool.ok() ? *std::move(spool) : nullptr;
}

std::vector<Spool::Batch> All(Spool& spool) {
  std::vector<Spool::Batch> all;
  uint64_t seq = 0;
  while (auto batch = spool.ReadFrom(seq)) {
    seq = batch->seq + 1;
    all.push_back(*std::move(batch));
  }
  return all;
}

fs::path OnlySegment(const fs::path& directory) {
  fs::path found;
  for (const auto& file : fs::directory_iterator(directory)) {
    if (file.path().extension() == ".seg") {
      EXPECT_TRUE(found.empty());
      found = file.path();
    }
  }
  return found;
}

std::string Slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

TEST(SpoolTest, KeepsWhatWasAppendedOverARestart) {
  TempDir dir{TempDir::InMemory()};
  for (int life = 0; life < 3; ++life) {
    auto spool = OpenAt(dir.path());
    EXPECT_EQ(spool->spool_id(), kId);
    auto seq = spool->Append("life " + std::to_string(life));
    ASSERT_TRUE(seq.ok());
    EXPECT_EQ(*seq, static_cast<uint64_t>(life) + 1);
  }
  auto spool = OpenAt(dir.path());
  auto all = All(*spool);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[2].payload, "life 2");
  EXPECT_TRUE(spool->losses().empty());
}

TEST(SpoolTest, AcknowledgedNumbersAreNeverGivenAgain) {
  TempDir dir{TempDir::InMemory()};
  {
    auto spool = OpenAt(dir.path());
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(spool->Append("x").ok());
    spool->Acknowledge(10);
    EXPECT_EQ(spool->first_seq(), 11u);
    EXPECT_FALSE(spool->ReadFrom(0).has_value());
  }
  auto spool = OpenAt(dir.path());
  EXPECT_EQ(*spool->Append("y"), 11u);
}

TEST(SpoolTest, OneProcessPerDirectory) {
  TempDir dir{TempDir::InMemory()};
  auto spool = OpenAt(dir.path());
  EXPECT_EQ(Spool::Open({dir.path().string(), 1 << 20, kId}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(SpoolTest, PastTheBoundTheOldestGoAndAreCounted) {
  TempDir dir{TempDir::InMemory()};
  auto spool = OpenAt(dir.path(), 1 << 20);
  std::string payload(10'000, 'p');
  constexpr int kBatches = 300;
  for (int i = 0; i < kBatches; ++i) ASSERT_TRUE(spool->Append(payload).ok());
  EXPECT_LE(spool->bytes(), 1 << 20);
  auto all = All(*spool);
  EXPECT_EQ(all.back().seq, static_cast<uint64_t>(kBatches));
  EXPECT_EQ(static_cast<int64_t>(all.size()) + spool->losses()["spool_full"],
            kBatches);
  EXPECT_GT(all.size(), 80u);
}

TEST(SpoolTest, AcknowledgedSegmentsAreDeleted) {
  TempDir dir{TempDir::InMemory()};
  auto spool = OpenAt(dir.path(), 1 << 20);
  std::string payload(30'000, 'p');
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(spool->Append(payload).ok());
  int64_t before = spool->bytes();
  spool->Acknowledge(29);
  EXPECT_LT(spool->bytes(), before / 4);
  EXPECT_EQ(All(*spool).size(), 1u);
  EXPECT_TRUE(spool->losses().empty());
}

// What a crash, a full disk or a bad disk can leave: the file ends anywhere.
TEST(SpoolTest, CutAtEveryByte) {
  TempDir dir{TempDir::InMemory()};
  std::vector<uint64_t> ends;
  {
    auto spool = OpenAt(dir.path());
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(spool->Append("payload " + std::to_string(i)).ok());
      ends.push_back(fs::file_size(OnlySegment(dir.path())));
    }
  }
  fs::path segment = OnlySegment(dir.path());
  std::string whole = Slurp(segment);
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    TempDir copy{TempDir::InMemory()};
    std::ofstream(copy.path() / "spool_id") << kId;
    std::ofstream(copy.path() / segment.filename(), std::ios::binary)
        << whole.substr(0, cut);
    size_t kept = 0;
    while (kept < ends.size() && ends[kept] <= cut) ++kept;
    bool at_boundary = cut == 0 || (kept > 0 && ends[kept - 1] == cut);
    auto spool = OpenAt(copy.path());
    auto all = All(*spool);
    ASSERT_EQ(all.size(), kept) << cut;
    for (size_t i = 0; i < kept; ++i) {
      EXPECT_EQ(all[i].payload, "payload " + std::to_string(i));
    }
    EXPECT_EQ(spool->losses()["spool_corrupt"], at_boundary ? 0 : 1) << cut;
    // It goes on, and what is written now survives the next restart.
    uint64_t seq = *spool->Append("after");
    EXPECT_GT(seq, kept);
    spool.reset();
    spool = OpenAt(copy.path());
    all = All(*spool);
    ASSERT_EQ(all.size(), kept + 1) << cut;
    EXPECT_EQ(all.back().payload, "after");
    EXPECT_EQ(all.back().seq, seq);
    EXPECT_TRUE(spool->losses().empty());
  }
}

TEST(SpoolTest, CorruptAtEveryByte) {
  TempDir dir{TempDir::InMemory()};
  {
    auto spool = OpenAt(dir.path());
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(spool->Append("payload " + std::to_string(i)).ok());
    }
  }
  fs::path segment = OnlySegment(dir.path());
  std::string whole = Slurp(segment);
  size_t record = whole.size() / 3;
  for (size_t at = 0; at < whole.size(); ++at) {
    TempDir copy{TempDir::InMemory()};
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    std::ofstream(copy.path() / "spool_id") << kId;
    std::ofstream(copy.path() / segment.filename(), std::ios::binary) << bad;
    auto spool = OpenAt(copy.path());
    auto all = All(*spool);
    ASSERT_EQ(all.size(), at / record) << at;
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].payload, "payload " + std::to_string(i));
    }
    EXPECT_EQ(spool->losses()["spool_corrupt"], 1) << at;
    // The lost records may have been sent: their numbers are not reused.
    EXPECT_GT(*spool->Append("after"), 3u) << at;
  }
}

TEST(SpoolTest, CorruptionWhileOpenIsCountedAndSkipped) {
  TempDir dir{TempDir::InMemory()};
  auto spool = OpenAt(dir.path());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(spool->Append("payload").ok());
  fs::path segment = OnlySegment(dir.path());
  std::string bad = Slurp(segment);
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
  std::ofstream(segment, std::ios::binary | std::ios::in) << bad;
  auto all = All(*spool);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].seq, 1u);
  EXPECT_EQ(all[1].seq, 3u);
  EXPECT_EQ(spool->losses()["spool_corrupt"], 1);
}

TEST(SpoolTest, LostIdStartsANewSpool) {
  TempDir dir{TempDir::InMemory()};
  {
    auto spool = OpenAt(dir.path());
    ASSERT_TRUE(spool->Append("x").ok());
  }
  fs::remove(dir.path() / "spool_id");
  std::string other(32, 'e');
  auto spool = Spool::Open({dir.path().string(), 1 << 20, other});
  ASSERT_TRUE(spool.ok());
  EXPECT_EQ((*spool)->spool_id(), other);
  EXPECT_TRUE(All(**spool).empty());
  EXPECT_EQ((*spool)->losses()["spool_corrupt"], 1);
}

TEST(SpoolTest, SkipToKeepsItsNumberOverARestart) {
  TempDir dir{TempDir::InMemory()};
  {
    auto spool = OpenAt(dir.path());
    ASSERT_TRUE(spool->Append("x").ok());
    spool->SkipTo(100);
    spool->SkipTo(50);
  }
  EXPECT_EQ(*OpenAt(dir.path())->Append("y"), 100u);
}

// A full disk, as a limit of this process' file size: the write fails with
// EFBIG after a part of it was taken.
TEST(SpoolTest, AFailedWriteLosesOneBatchAndNothingElse) {
  TempDir dir{TempDir::InMemory()};
  auto spool = OpenAt(dir.path());
  ASSERT_TRUE(spool->Append("before").ok());
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  rlimit small = old;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  auto failed = spool->Append(std::string(5000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(spool->losses()["spool_write"], 1);
  ASSERT_TRUE(spool->Append("after").ok());
  spool.reset();
  spool = OpenAt(dir.path());
  auto all = All(*spool);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].payload, "before");
  EXPECT_EQ(all[1].payload, "after");
  EXPECT_TRUE(spool->losses().empty());
}

}  // namespace
}  // namespace plimsoll::exporter

#include "agent/workload/stats_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/answering_server.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::workload {
namespace {

namespace fs = std::filesystem;
using testing::AnsweringOptions;
using testing::AnsweringServer;
using ::testing::HasSubstr;
using testing::TempDir;

const StatsReadOptions kShort = {.http = false, .timeout_ns = 400'000'000};

AnsweringOptions At(const fs::path& path) {
  AnsweringOptions options;
  options.reads_first = false;
  options.unix_path = path.string();
  return options;
}

// A test machine may be busy.
const StatsReadOptions kPatient = {.http = false, .timeout_ns = 30'000'000'000};

TEST(StatsClientTest, ReadsUntilTheServerCloses) {
  AnsweringOptions options;
  options.reads_first = false;
  AnsweringServer server("{\"workers\":[]}", options);
  auto text = ReadTcpStats("127.0.0.1", server.port(), {});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "{\"workers\":[]}");
  AnsweringServer http("HTTP/1.0 200 OK\r\n\r\n{}");
  text = ReadTcpStats("127.0.0.1", http.port(), {.http = true});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(http.request(), HasSubstr("GET / HTTP/1.0\r\n"));
  EXPECT_EQ(ReadTcpStats("127.0.0.1", 1, {}).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReadTcpStats("localhost", 80, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(StatsClientTest, BoundsHold) {
  AnsweringServer waits("never sent");
  EXPECT_THAT(
      std::string(
          ReadTcpStats("127.0.0.1", waits.port(), kShort).status().message()),
      HasSubstr("did not answer in time"));
  AnsweringOptions options;
  options.reads_first = false;
  options.drip_ms = 20;
  AnsweringServer drips(std::string(9000, 'x'), options);
  EXPECT_EQ(ReadTcpStats("127.0.0.1", drips.port(), kShort).status().code(),
            absl::StatusCode::kUnavailable);
  options.drip_ms = 0;
  options.endless = 64 << 20;
  AnsweringServer large("{", options);
  EXPECT_EQ(ReadTcpStats("127.0.0.1", large.port(), kPatient).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST(StatsClientTest, SocketFilesOfAnotherRoot) {
  TempDir outside;
  TempDir root;
  AnsweringServer theirs("theirs", At(root.path() / "stats.sock"));
  AnsweringServer ours("ours", At(outside.path() / "ours.sock"));
  const std::string top = root.path().string();
  auto text = ReadUnixStats(top, "/stats.sock", {});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "theirs");
  // A link is the target's own way; it stays inside.
  fs::create_symlink(outside.path() / "ours.sock", root.path() / "escape.sock");
  fs::create_symlink("/stats.sock", root.path() / "inner.sock");
  EXPECT_EQ(ReadUnixStats(top, "/escape.sock", {}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadUnixStats(
                top, "/../../" + (outside.path() / "ours.sock").string(), {})
                .status()
                .code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(*ReadUnixStats(top, "/inner.sock", {}), "theirs");
  EXPECT_EQ(ours.served(), 0);
  std::ofstream(root.path() / "file") << "text";
  EXPECT_THAT(std::string(ReadUnixStats(top, "/file", {}).status().message()),
              HasSubstr("/file is no socket"));
  EXPECT_EQ(ReadUnixStats(top, "/absent", {}).status().code(),
            absl::StatusCode::kNotFound);
}

// A command line may name any socket of the container, such as Docker's.
TEST(StatsClientTest, AnothersSocketIsSentNothing) {
  TempDir root;
  AnsweringOptions at = At(root.path() / "docker.sock");
  at.reads_first = true;
  AnsweringServer docker("{}", at);
  const std::string top = root.path().string();
  StatsReadOptions options = {.http = true, .owners = {1, ::getppid()}};
  const auto text = ReadUnixStats(top, "/docker.sock", options);
  EXPECT_EQ(text.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(text.status().message()),
      HasSubstr("is another's, of process " + std::to_string(::getpid())));
  EXPECT_EQ(docker.request(), "");
  options.owners = {::getpid()};
  EXPECT_TRUE(ReadUnixStats(top, "/docker.sock", options).ok());
}

TEST(StatsClientTest, NobodyListensAtAName) {
  EXPECT_EQ(ReadAbstractStats("plimsoll-test-nobody", {}).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReadAbstractStats(std::string(200, 'x'), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace plimsoll::workload

#include "agent/procfs/listening_sockets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace plimsoll::procfs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kHead[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
    "retrnsmt   uid  timeout inode\n";

TEST(ListeningSocketsTest, RowsThatListen) {
  const auto sockets = ParseTcpTable(
      std::string(kHead) +
      "   0: 0100007F:20CF 00000000:0000 0A 00000000:00000000 00:00000000 "
      "00000000     0        0 15393 1 0000000000000000 100 0 0 10 0\n"
      "   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 "
      "00000000  1000        0 15394 1 0000000000000000 100 0 0 10 0\n"
      // A connection, and what is not a row.
      "   2: 0100007F:20CF 0100007F:9999 01 00000000:00000000 00:00000000 "
      "00000000     0        0 15395 1 0000000000000000 20 4 30 10 -1\n"
      "   3: 0100007F 00000000:0000 0A 0 0 0 0 0 15396\n"
      "   4: XX00007F:20CF 00000000:0000 0A 0 0 0 0 0 15397\n"
      "   5: 0100007F:20CF 00000000:0000 0A 0 0 0 0 0\n\nnonsense");
  EXPECT_THAT(sockets, ElementsAre(ListeningSocket{"127.0.0.1", 8399, 15393},
                                   ListeningSocket{"0.0.0.0", 8080, 15394}));
  EXPECT_TRUE(sockets[0].IsLoopback());
  EXPECT_FALSE(sockets[0].IsAny());
  EXPECT_TRUE(sockets[1].IsAny());
}

TEST(ListeningSocketsTest, RowsOfIpv6) {
  const auto row = [](const std::string& address) {
    return "   0: " + address +
           ":1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 77\n";
  };
  const auto sockets =
      ParseTcpTable(kHead + row("00000000000000000000000000000000") +
                    row("00000000000000000000000001000000") +
                    row("0000000000000000FFFF00000100007F") +
                    row("000000FD000000000000000001000000"));
  EXPECT_THAT(sockets,
              ElementsAre(ListeningSocket{"::", 8080, 77},
                          ListeningSocket{"::1", 8080, 77},
                          ListeningSocket{"::ffff:127.0.0.1", 8080, 77},
                          ListeningSocket{"fd00::1", 8080, 77}));
  EXPECT_TRUE(sockets[0].IsAny());
  EXPECT_TRUE(sockets[1].IsLoopback());
  EXPECT_TRUE(sockets[2].IsLoopback());
  EXPECT_FALSE(sockets[3].IsLoopback());
}

TEST(ListeningSocketsTest, EmptyTablesAndTheBound) {
  EXPECT_THAT(ParseTcpTable(""), IsEmpty());
  EXPECT_THAT(ParseTcpTable(kHead), IsEmpty());
  std::string many = kHead;
  for (int i = 0; i < 5000; ++i) {
    many += " 0: 0100007F:20CF 00000000:0000 0A 0 0 0 0 0 7\n";
  }
  EXPECT_EQ(ParseTcpTable(many).size(), 4096u);
}

TEST(ListeningSocketsTest, Links) {
  EXPECT_EQ(ParseSocketLink("socket:[15393]"), 15393u);
  for (const char* link : {"", "socket:[]", "socket:[1", "pipe:[1]",
                           "socket:[x]", "/tmp/socket:[1]", "socket:[-1]"}) {
    EXPECT_EQ(ParseSocketLink(link), 0u) << link;
  }
}

}  // namespace
}  // namespace plimsoll::procfs

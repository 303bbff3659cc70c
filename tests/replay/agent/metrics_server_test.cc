// The agent's own page over real sockets: where it listens, by the forms that
// a chart and a person write an address in.
#include "agent/metrics_server.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <string>

namespace plimsoll::agent {
namespace {

using boost::asio::ip::tcp;

bool HasIpv6() {
  boost::asio::io_context context;
  tcp::acceptor acceptor(context);
  boost::system::error_code error;
  const tcp::endpoint loopback(boost::asio::ip::address_v6::loopback(), 0);
  acceptor.open(loopback.protocol(), error);
  if (!error) acceptor.bind(loopback, error);
  return !error;
}

std::string Get(const boost::asio::ip::address& address, int port) {
  boost::asio::io_context context;
  tcp::socket socket(context);
  boost::system::error_code error;
  socket.connect({address, static_cast<uint16_t>(port)}, error);
  if (error) return error.message();
  boost::asio::write(
      socket,
      boost::asio::buffer(std::string(
          "GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")),
      error);
  std::string answer;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);
  return answer;
}

void ExpectServed(const std::string& listen,
                  const boost::asio::ip::address& address) {
  auto server = MetricsServer::Start(listen);
  ASSERT_TRUE(server.ok()) << server.status();
  (*server)->Publish("a_figure 7\n", "");
  EXPECT_NE(Get(address, (*server)->port()).find("a_figure 7"),
            std::string::npos)
      << listen;
}

TEST(MetricsServerTest, ListensOnIpv4) {
  ExpectServed("127.0.0.1:0", boost::asio::ip::address_v4::loopback());
}

// "$(POD_IP):7072", as the chart writes it, has no brackets in a cluster of
// IPv6.
TEST(MetricsServerTest, ListensOnAPodsIpv6AddressWithAndWithoutBrackets) {
  if (!HasIpv6()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  ExpectServed("::1:0", boost::asio::ip::address_v6::loopback());
  ExpectServed("[::1]:0", boost::asio::ip::address_v6::loopback());
}

TEST(MetricsServerTest, AnAddressOfOthersIsNamed) {
  auto server = MetricsServer::Start("192.0.2.1:0");
  ASSERT_FALSE(server.ok());
  EXPECT_NE(std::string(server.status().message()).find("192.0.2.1:0"),
            std::string::npos);
}

}  // namespace
}  // namespace plimsoll::agent

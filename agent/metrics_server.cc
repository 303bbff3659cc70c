#include "agent/metrics_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace plimsoll::agent {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;

constexpr auto kTimeout = std::chrono::seconds(10);
constexpr uint32_t kMaxRequestBytes = 16 << 10;
constexpr int kMaxSessions = 32;

struct Pages {
  std::mutex mutex;  // guards all
  std::string metrics;
  std::string unhealthy = "starting";
  std::chrono::steady_clock::time_point published{};
};

// A loop that publishes nothing for this long hangs.
constexpr auto kStale = std::chrono::seconds(60);

// One connection, one request at a time; owned by its pending operation.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Pages* pages, int* sessions)
      : stream_(std::move(socket)), pages_(pages), sessions_(sessions) {
    ++*sessions_;
  }
  ~Session() { --*sessions_; }

  void Read() {
    parser_.emplace();
    parser_->body_limit(kMaxRequestBytes);
    parser_->header_limit(kMaxRequestBytes);
    stream_.expires_after(kTimeout);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, std::size_t) {
          if (!error) self->Answer();
        });
  }

 private:
  void Answer() {
    const auto& request = parser_->get();
    response_ = {};
    response_.version(request.version());
    response_.keep_alive(request.keep_alive());
    response_.set(http::field::content_type, "text/plain; charset=utf-8");
    bool read = request.method() == http::verb::get ||
                request.method() == http::verb::head;
    Fill(read, request.target());
    response_.prepare_payload();
    if (request.method() == http::verb::head) response_.body().clear();
    http::async_write(
        stream_, response_,
        [self = shared_from_this()](beast::error_code error, std::size_t) {
          if (error) return;
          if (self->response_.keep_alive()) return self->Read();
          beast::error_code ignored;
          self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        });
  }

  void Fill(bool read, boost::string_view target) {
    std::lock_guard lock(pages_->mutex);
    if (!read) {
      response_.result(http::status::method_not_allowed);
      response_.set(http::field::allow, "GET, HEAD");
      response_.body() = "only GET\n";
    } else if (target == "/metrics") {
      response_.set(http::field::content_type,
                    "text/plain; version=0.0.4; charset=utf-8");
      response_.body() = pages_->metrics;
    } else if (target == "/healthz") {
      if (std::chrono::steady_clock::now() - pages_->published > kStale) {
        pages_->unhealthy = "the agent's loop does not answer";
      }
      bool healthy = pages_->unhealthy.empty();
      response_.result(healthy ? http::status::ok
                               : http::status::service_unavailable);
      response_.body() = healthy ? "ok\n" : pages_->unhealthy + "\n";
    } else {
      response_.result(http::status::not_found);
      response_.body() = "there are /metrics and /healthz\n";
    }
  }

  beast::tcp_stream stream_;
  Pages* const pages_;
  int* const sessions_;
  beast::flat_buffer buffer_{kMaxRequestBytes};
  boost::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

class MetricsServer::Impl {
 public:
  ~Impl() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& listen) {
    size_t colon = listen.rfind(':');
    if (colon == std::string::npos) {
      return absl::InvalidArgumentError(listen + " is not HOST:PORT");
    }
    std::string host = listen.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    }
    beast::error_code error;
    tcp::resolver resolver(context_);
    auto found = resolver.resolve(host, listen.substr(colon + 1),
                                  tcp::resolver::passive, error);
    if (!error) {
      tcp::endpoint endpoint = found.begin()->endpoint();
      acceptor_.open(endpoint.protocol(), error);
      if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true));
      if (!error) acceptor_.bind(endpoint, error);
      if (!error) acceptor_.listen(16, error);
    }
    if (error) {
      return absl::UnavailableError("listen on " + listen + ": " +
                                    error.message());
    }
    Accept();
    thread_ = std::thread([this] {
      // A handler that throws (no memory) must not end the agent.
      for (;;) {
        try {
          context_.run();
          return;
        } catch (const std::exception&) {
        }
      }
    });
    return absl::OkStatus();
  }

  void Publish(std::string metrics, std::string unhealthy) {
    std::lock_guard lock(pages_.mutex);
    pages_.metrics = std::move(metrics);
    pages_.unhealthy = std::move(unhealthy);
    pages_.published = std::chrono::steady_clock::now();
  }

  int port() const { return acceptor_.local_endpoint().port(); }

 private:
  void Accept() {
    acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
      // Past the bound a connection is closed at once.
      if (!error && sessions_ < kMaxSessions) {
        std::make_shared<Session>(std::move(socket), &pages_, &sessions_)
            ->Read();
      }
      if (error != asio::error::operation_aborted) Accept();
    });
  }

  Pages pages_;
  int sessions_ = 0;  // server thread; sessions die with the context
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  std::thread thread_;
};

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
MetricsServer::~MetricsServer() = default;

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& listen) {
  auto impl = std::make_unique<Impl>();
  if (absl::Status status = impl->Listen(listen); !status.ok()) return status;
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(impl)));
}

void MetricsServer::Publish(std::string metrics, std::string unhealthy) {
  impl_->Publish(std::move(metrics), std::move(unhealthy));
}

int MetricsServer::port() const { return impl_->port(); }

}  // namespace plimsoll::agent

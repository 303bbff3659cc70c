#include "collector/http/http_server.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace plimsoll::collector::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using Tcp = asio::ip::tcp;
using Error = boost::system::error_code;

// What all connections share.
struct Shared {
  HttpServerOptions options;
  Handler handler;
  std::atomic<int> connections{0};

  void Count(Refusal refusal) const {
    if (options.refusals != nullptr) options.refusals->Count(refusal);
  }
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Tcp::socket socket, Shared* shared)
      : stream_(std::move(socket)), shared_(shared) {
    ++shared_->connections;
    Error error;
    const Tcp::endpoint peer = stream_.socket().remote_endpoint(error);
    if (!error) address_ = peer.address().to_string(error);
  }
  ~Connection() { --shared_->connections; }

  void Read() {
    parser_.emplace();
    parser_->header_limit(
        static_cast<uint32_t>(shared_->options.max_header_bytes));
    parser_->body_limit(shared_->options.max_body_bytes);
    stream_.expires_after(
        std::chrono::seconds(shared_->options.idle_timeout_s));
    bhttp::async_read(stream_, buffer_, *parser_,
                      [self = shared_from_this()](Error error, size_t) {
                        self->OnRead(error);
                      });
  }

 private:
  void OnRead(Error error) {
    if (error == beast::error::timeout) {
      // A connection that rests between two requests is nothing odd.
      if (parser_ && parser_->got_some()) shared_->Count(Refusal::kHttpSlow);
      Close();
    } else if (error == bhttp::error::header_limit) {
      shared_->Count(Refusal::kHttpHeaders);
      Answer({431, "application/json", R"({"error":"headers too large"})", ""},
             false);
    } else if (error == bhttp::error::body_limit) {
      shared_->Count(Refusal::kHttpBody);
      Answer({413, "application/json", R"({"error":"body too large"})", ""},
             false);
    } else if (error == bhttp::error::end_of_stream || !parser_ ||
               (error && !IsProtocolError(error))) {
      Close();
    } else if (error) {
      shared_->Count(Refusal::kHttpMalformed);
      Answer({400, "application/json", R"({"error":"not HTTP/1.1"})", ""},
             false);
    } else {
      Serve();
    }
  }

  static bool IsProtocolError(Error error) {
    return error.category() ==
           bhttp::make_error_code(bhttp::error::bad_method).category();
  }

  void Serve() {
    auto& message = parser_->get();
    Request request;
    request.body = std::move(message.body());
    auto method = message.method_string();
    request.method.assign(method.data(), method.size());
    std::string target(message.target().data(), message.target().size());
    is_head_ = request.method == "HEAD";
    const auto authorization = message[bhttp::field::authorization];
    request.authorization.assign(authorization.data(), authorization.size());
    const auto header = [&](bhttp::field field) {
      const auto value = message[field];
      return std::string(value.data(), value.size());
    };
    request.content_type = header(bhttp::field::content_type);
    request.content_encoding = header(bhttp::field::content_encoding);
    request.address = address_;
    if (!ParseTarget(target, &request)) {
      shared_->Count(Refusal::kHttpMalformed);
      Answer({400, "application/json", R"({"error":"malformed target"})", ""},
             false);
    } else {
      Answer(shared_->handler(request), message.keep_alive());
    }
  }

  void Answer(Response response, bool keep_alive) {
    answer_ = {};
    answer_.version(11);
    answer_.result(static_cast<unsigned>(response.status));
    answer_.set(bhttp::field::content_type, response.content_type);
    answer_.set(bhttp::field::cache_control, "no-store");
    answer_.set("X-Content-Type-Options", "nosniff");
    if (!response.challenge.empty()) {
      answer_.set(bhttp::field::www_authenticate, response.challenge);
    }
    answer_.set("Content-Security-Policy",
                "default-src 'none'; style-src 'unsafe-inline'");
    answer_.keep_alive(keep_alive);
    answer_.body() = std::move(response.body);
    answer_.prepare_payload();
    if (is_head_) answer_.body().clear();
    stream_.expires_after(
        std::chrono::seconds(shared_->options.idle_timeout_s));
    bhttp::async_write(
        stream_, answer_,
        [self = shared_from_this(), keep_alive](Error error, size_t) {
          if (error == beast::error::timeout) {
            self->shared_->Count(Refusal::kHttpSlow);
          }
          if (error || !keep_alive) {
            self->Close();
          } else {
            self->Read();
          }
        });
  }

  void Close() {
    Error ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_both, ignored);
  }

  beast::tcp_stream stream_;
  Shared* const shared_;
  std::string address_;
  beast::flat_buffer buffer_{64 << 10};
  std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
  bhttp::response<bhttp::string_body> answer_;
  bool is_head_ = false;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, Handler handler)
      : acceptor_(asio::make_strand(context_)), retry_(context_) {
    shared_.options = std::move(options);
    shared_.handler = std::move(handler);
  }

  absl::Status Listen() {
    Error error;
    std::string where =
        shared_.options.host + ":" + std::to_string(shared_.options.port);
    std::string host = shared_.options.host == "localhost"
                           ? "127.0.0.1"
                           : shared_.options.host;
    auto address = asio::ip::make_address(host, error);
    if (error) {
      return absl::InvalidArgumentError("listen for HTTP on " + where +
                                        ": not an IP address");
    }
    Tcp::endpoint endpoint(address, shared_.options.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error)
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError("listen for HTTP on " + where + ": " +
                                    error.message());
    }
    port_ = acceptor_.local_endpoint(error).port();
    Accept();
    for (int i = 0; i < shared_.options.threads; ++i) {
      threads_.emplace_back([this] { context_.run(); });
    }
    return absl::OkStatus();
  }

  void Stop() {
    context_.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  int port_ = 0;

 private:
  void Accept() {
    acceptor_.async_accept(
        asio::make_strand(context_), [this](Error error, Tcp::socket socket) {
          if (error == asio::error::operation_aborted) return;
          if (error) {  // out of descriptors, say: not in a hot loop
            retry_.expires_after(std::chrono::milliseconds(100));
            retry_.async_wait([this](Error stopped) {
              if (!stopped) Accept();
            });
            return;
          }
          if (shared_.connections < shared_.options.max_connections) {
            std::make_shared<Connection>(std::move(socket), &shared_)->Read();
          } else {
            shared_.Count(Refusal::kHttpConnections);
          }
          Accept();
        });
  }

  Shared shared_;  // outlives the connections, which the context holds
  asio::io_context context_;
  Tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::vector<std::thread> threads_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { Stop(); }

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    HttpServerOptions options, Handler handler) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler));
  if (absl::Status status = impl->Listen(); !status.ok()) return status;
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

void HttpServer::Stop() { impl_->Stop(); }
int HttpServer::port() const { return impl_->port_; }

}  // namespace plimsoll::collector::http

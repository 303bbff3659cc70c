// A small HTTP/1.1 server on Boost.Beast: keep-alive, bounded bodies, headers,
// connections and times, each with a count of what passed them; a few threads,
// never one per connection. It knows nothing of what it serves. Boost stays out
// of this header.
//
// `handler` is called from any of the server's threads, several at a time.
#ifndef PLIMSOLL_COLLECTOR_HTTP_HTTP_SERVER_H_
#define PLIMSOLL_COLLECTOR_HTTP_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "collector/core/ingest/refusal_counter.h"

namespace plimsoll::collector::http {

struct Request {
  std::string method;  // "GET"
  std::string path;    // decoded, without the query
  std::map<std::string, std::string> query;
  std::string authorization;                   // the header, "" without
  std::string address;                         // of the peer
  std::string content_type, content_encoding;  // the headers, "" without
  std::string body;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string challenge = "";  // WWW-Authenticate, "" for none
};

using Handler = std::function<Response(const Request&)>;

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 7070;  // 0: any free one
  int threads = 3;
  int max_connections = 512;
  size_t max_header_bytes = 16 << 10;
  size_t max_body_bytes = 64 << 10;
  // For the whole of a request, from its first byte to its last, and for the
  // whole of an answer: who sends or takes a byte now and then is cut off too.
  int idle_timeout_s = 30;
  RefusalCounter* refusals = nullptr;  // not owned, outlives the server
};

class HttpServer {
 public:
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      HttpServerOptions options, Handler handler);
  ~HttpServer();  // Stop
  void Stop();
  int port() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "/a%20b?x=1&y=" into a request's path and query; false when it is malformed.
bool ParseTarget(const std::string& target, Request* request);

}  // namespace plimsoll::collector::http

#endif  // PLIMSOLL_COLLECTOR_HTTP_HTTP_SERVER_H_

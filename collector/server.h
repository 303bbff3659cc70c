// A whole collector in one object: store, gRPC, analysis, notifiers, HTTP. The
// only place that names them all. Owned by main (and by tests that want one in
// the process). Start returns when it listens; Stop ends cleanly: no more
// streams, what was received is stored, the head is written out.
#ifndef PLIMSOLL_COLLECTOR_SERVER_H_
#define PLIMSOLL_COLLECTOR_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/config.h"

namespace plimsoll::collector {

class Server {
 public:
  static absl::StatusOr<std::unique_ptr<Server>> Start(Config config);
  ~Server();  // Stop

  void Stop();
  int grpc_port() const;
  int http_port() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_SERVER_H_

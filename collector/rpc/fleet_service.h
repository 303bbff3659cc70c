// The gRPC end of the acknowledged stream (proto/plimsoll/v1/stream.proto), on
// the callback API: no thread per stream.
//
// Flow control: a stream with four batches that are not stored yet is not read,
// nor is one with any while the ingest queue is full; HTTP/2 then stops the
// agent. An agent that connects again replaces its older stream. Who sends more
// than `bytes` allows is not read for a while either.
//
// With an authenticator a stream is read once its peer has proven which node it
// is, and only that node may be spoken for: in Hello, in descriptions of
// processes, and with an agent id that the node had first.
//
// Limits: size of a message, of its metadata, streams of a connection and in
// all, seconds until Hello, bytes per agent and second, and with an
// authenticator the age of a connection, after which it proves itself anew.
//
// Start returns when it listens. Every method: any thread. gRPC stays out of
// this header; it costs seconds per file.
#ifndef PLIMSOLL_COLLECTOR_RPC_FLEET_SERVICE_H_
#define PLIMSOLL_COLLECTOR_RPC_FLEET_SERVICE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/ingest/ingest_port.h"
#include "collector/core/ingest/loss_counter.h"
#include "collector/core/ingest/peer_identity.h"
#include "collector/core/ingest/refusal_counter.h"
#include "collector/core/ingest/token_bucket.h"
#include "collector/core/ports.h"
#include "collector/rpc/ingest_queue.h"

namespace plimsoll::collector::rpc {

// PEM files, read anew every `refresh_s`. None: no TLS.
struct TlsFiles {
  std::string cert, key;
  std::string client_ca;  // set: clients are asked for a certificate of it,
  bool client_cert_required = false;  // and must have one
  unsigned refresh_s = 10;
};

struct FleetServerOptions {
  std::string listen = "127.0.0.1:7071";  // port 0: any free one
  std::string collector_version;
  TlsFiles tls;
  IngestOptions ingest;
  size_t max_streams = 20'000;
  int64_t hello_within_ms = 10'000;
  // Twenty times what an agent of a large node sends; the burst is for a spool
  // that has waited.
  Rate bytes = {.per_s = 4 << 20, .burst = 64 << 20};
  int64_t prove_again_after_ms = 3'600'000;
};

// None is owned; all outlive the server.
struct FleetServerPorts {
  BatchStore* store = nullptr;
  CommandLog* commands = nullptr;
  LossCounter* losses = nullptr;
  RefusalCounter* refusals = nullptr;
  PeerAuthenticator* authenticator = nullptr;  // null: everyone is believed
};

class FleetServer final : public EvidenceRequester {
 public:
  static absl::StatusOr<std::unique_ptr<FleetServer>> Start(
      FleetServerOptions options, FleetServerPorts ports);
  ~FleetServer() override;  // Stop

  // Ends all streams, stores what was received, stops. Idempotent.
  void Stop();

  // Sends the command to the agent of that process. Unavailable when it is not
  // connected: then it is sent when it connects, within five minutes. NotFound
  // when the process is unknown or has ended. One that has no answer yet is
  // sent again under its number, so that there is never a second window.
  absl::Status RequestWindow(ProcessKey process,
                             const std::vector<std::string>& types,
                             int64_t duration_ns) override;
  // The same; its agent makes it twenty seconds at the least.
  absl::Status RequestNative(ProcessKey process, int64_t duration_ns) override;

  int port() const;
  std::vector<std::string> ConnectedAgents() const;

 private:
  class Impl;
  explicit FleetServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_FLEET_SERVICE_H_

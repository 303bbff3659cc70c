// ReportClient ships the spool to the collector over one gRPC stream, on a
// thread of its own, and brings the collector's commands back.
//
//   Disconnected -> Connecting -> (Welcome) -> Streaming -> Disconnected ...
//
//  - Batches go in order of seq, from where the collector says it stands; at
//    most `max_unacknowledged` are on the way. An Ack deletes them.
//  - A stream that ends, or that brings no Ack for `ack_timeout`, is opened
//    again after a random pause up to an exponential bound (full jitter).
//  - A result is written once the collector has stored everything that was in
//    the spool when it was posted: its evidence, above all. The protocol has no
//    Ack for it, but messages are taken in order: an Ack of a batch that was
//    written after the result confirms it. What is not confirmed when a stream
//    breaks is written again on the next one, under the same command id.
//
// Owned by main. Post* may be called from any thread; the callbacks come on the
// client's own thread and must hand over to another (EventLoop::Post).
#ifndef PLIMSOLL_AGENT_EXPORT_REPORT_CLIENT_H_
#define PLIMSOLL_AGENT_EXPORT_REPORT_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/core/command.h"

namespace plimsoll::exporter {

class Spool;

// Where the collector is and what to show it. Files are PEM and may be replaced
// at any time: the next connection takes what is in them then.
struct CollectorAddress {
  std::string address;    // host:port
  std::string ca_file;    // "": no TLS
  std::string cert_file;  // with key_file: who this agent is, by TLS
  std::string key_file;
  std::string server_name;  // in the collector's certificate; "": the host
  std::string token_file;   // "": none; read for each stream
  unsigned refresh_s = 10;  // how often files are looked at
};

struct ReportClientOptions {
  CollectorAddress collector;
  std::string agent_id;
  std::string node;
  std::string agent_version;
  std::string kernel_release;
  std::chrono::milliseconds min_backoff{250};
  std::chrono::milliseconds max_backoff{30'000};
  std::chrono::milliseconds ack_timeout{60'000};
  std::chrono::milliseconds ack_check{1'000};  // how often that is looked at
  int max_unacknowledged = 16;
  uint64_t random_seed = 0;  // of the jitter

  std::function<void(core::Command)> on_command;
  // A collector that may know nothing of this node is there.
  std::function<void()> on_connected;
  // It is not, any more or still, for a reason that is another than before.
  std::function<void(const std::string& reason)> on_disconnected;
};

class ReportClient {
 public:
  // `spool` must outlive the client.
  ReportClient(ReportClientOptions options, Spool* spool);
  ~ReportClient();  // stops the thread
  ReportClient(const ReportClient&) = delete;
  ReportClient& operator=(const ReportClient&) = delete;

  // The spool has a new batch.
  void PostBatchReady();
  void PostResult(core::CommandResult result);

  struct State {
    bool connected = false;
    int64_t connections = 0;   // streams that were welcomed
    int64_t batches_sent = 0;  // again included
    uint64_t acknowledged_seq = 0;
    std::string last_error;
    std::map<std::string, int64_t> losses;
  };
  State state() const;

  // Waits until the spool is empty or `timeout` is over; true when it is.
  bool Drain(std::chrono::milliseconds timeout);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_REPORT_CLIENT_H_

// The gRPC side of ReportClient: a channel, and one bidirectional call at a
// time turned into "take a message", "may I write", "is it over". gRPC's own
// headers stay in the .cc. A stream is used by one thread; gRPC's threads only
// fill its queue and call `wake`.
#ifndef PLIMSOLL_AGENT_EXPORT_FLEET_STREAM_H_
#define PLIMSOLL_AGENT_EXPORT_FLEET_STREAM_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/export/report_client.h"
#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::exporter {

class FleetStream {
 public:
  virtual ~FleetStream() = default;
  virtual std::optional<v1::CollectorMessage> TakeMessage() = 0;
  // No write is under way and the stream lives.
  virtual bool writable() const = 0;
  // Only when writable(), or first of all.
  virtual void Write(v1::NodeMessage message) = 0;
  virtual bool broken() const = 0;
  virtual void Cancel(const std::string& reason) = 0;
  // Waits for the end and says in words how it ended.
  virtual std::string Finish() = 0;
};

class FleetConnection {
 public:
  explicit FleetConnection(CollectorAddress collector);
  ~FleetConnection();
  // `wake` is called from gRPC's threads, and never after Finish() returned.
  // kPermissionDenied: the token cannot be read.
  absl::StatusOr<std::unique_ptr<FleetStream>> Open(std::function<void()> wake);

 private:
  struct Channel;
  const CollectorAddress collector_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_FLEET_STREAM_H_

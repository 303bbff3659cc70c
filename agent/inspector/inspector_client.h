// InspectorClient is the parent's end: it starts plimsoll-inspector, sends one
// request at a time, queues the rest, and starts the child anew when it dies.
//
//            Start()                    request            answer
//   no child -------> idle -----------------------> busy ---------> idle
//      ^                | child ends                  | child ends: kInternal
//      |  after backoff |                             | deadline: killed,
//      +----------------+-----------------------------+   kDeadlineExceeded
//
// - A request whose target made the parser crash fails with kInternal naming
//   the target, and requests for that pid are refused for refusal_ns.
// - A child killed from outside fails its request likewise, with no refusal.
// - Each call is answered exactly once, on the loop thread, from OnReadable or
//   OnTimer, never from within the call; those under way when the client is
//   destroyed are not answered.
//
// One owner, one thread: the loop's. Watch fd() for reading (it stays the same
// over restarts) and call OnTimer at least at next_deadline_ns(), or once a
// second. A callback may make new calls, but not destroy the client.
//
// Example:
//   PLIMSOLL_ASSIGN_OR_RETURN(auto client,
//                             InspectorClient::Make({}, MonotonicNs));
//   loop.Watch(client->fd(), [&] { client->OnReadable(); });
//   client->Identify(pid, [](absl::StatusOr<core::PythonProcess> p) {...});
#ifndef PLIMSOLL_AGENT_INSPECTOR_INSPECTOR_CLIENT_H_
#define PLIMSOLL_AGENT_INSPECTOR_INSPECTOR_CLIENT_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "agent/core/malloc_sites.h"
#include "agent/core/native_inspector.h"
#include "agent/core/ports.h"
#include "agent/inspector/child_process.h"
#include "agent/inspector/framing.h"

namespace plimsoll::inspector {

namespace v1 {
class Request;
class Response;
}  // namespace v1

struct InspectorOptions {
  std::string program = "";  // "": plimsoll-inspector beside this program
  // Address space of the child. Its resident memory stays near 10 MB; the limit
  // is what a hostile target could drive it to.
  uint64_t memory_limit_bytes = 512 << 20;
  int64_t request_timeout_ns = 30'000'000'000;
  int64_t first_backoff_ns = 200'000'000;
  int64_t last_backoff_ns = 60'000'000'000;
  int64_t refusal_ns = 600'000'000'000;
  size_t most_queued = 4096;
};

struct InspectorStats {
  int64_t requests = 0;
  int64_t starts = 0;
  int64_t crashes = 0;    // child ended by itself, or was killed by others
  int64_t timeouts = 0;   // killed by us at a deadline
  int64_t refusals = 0;   // requests for a pid on which the parser had crashed
  int32_t child_pid = 0;  // 0: none now
};

class InspectorClient final : public core::Inspector,
                              public core::NativeInspector {
 public:
  using Clock = std::function<int64_t()>;  // monotonic, ns

  // Starts the child at once, so that a missing program is found early.
  static absl::StatusOr<std::unique_ptr<InspectorClient>> Make(
      InspectorOptions options, Clock now_ns);
  ~InspectorClient() override;

  void Identify(int32_t pid, IdentifyDone done) override;
  void TakeCensus(const core::PythonProcess& python,
                  core::CensusOptions options, CensusDone done) override;
  void Symbolize(const core::PythonProcess& python,
                 std::vector<core::RawFrame> frames,
                 SymbolizeDone done) override;
  void UnwindStacks(const core::PythonProcess& python,
                    std::vector<core::NativeSnapshot> snapshots,
                    UnwindDone done) override;
  void ReadResidentPages(const core::PythonProcess& python,
                         PagesDone done) override;
  void LookAtBirths(const core::PythonProcess& python, core::BirthLook look,
                    BirthsDone done) override;

  // For windows on malloc. kUnimplemented with the reason: its malloc cannot be
  // probed.
  using SitesDone = absl::AnyInvocable<void(absl::StatusOr<core::MallocSites>)>;
  using UsesDone = absl::AnyInvocable<void(absl::StatusOr<std::vector<bool>>)>;
  void FindMallocSites(const core::PythonProcess& python, SitesDone done);
  // Whether each chunk is in use; at most kMostChunksAtOnce (malloc_codec.h).
  void CheckChunks(const core::PythonProcess& python,
                   const std::vector<core::BlockClaim>& claims, UsesDone done);

  int fd() const { return epoll_.get(); }
  void OnReadable();
  void OnTimer(int64_t now_ns);
  // When OnTimer has something to do; nothing when it has not.
  std::optional<int64_t> next_deadline_ns() const;

  InspectorStats stats() const;

 private:
  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::Response*>)>;
  struct Call {
    uint64_t id = 0;
    int32_t pid = 0;
    std::string frame;
    Done done;
  };

  InspectorClient(InspectorOptions options, Clock now_ns, UniqueFd epoll,
                  UniqueFd wake);
  void Enqueue(v1::Request& request, int32_t pid, Done done);
  void FailLater(Call call, absl::Status status);
  void DeliverFailures();
  absl::Status StartChild();
  void Pump();
  void Flush();
  void ReadSocket();
  void HandleMessage(const std::string& message);
  void HandleEnd();
  void StopChild(absl::Status reason);
  void Watch(bool writing);
  bool IsRefused(int32_t pid);

  const InspectorOptions options_;
  const Clock now_ns_;
  const UniqueFd epoll_;  // of the socket and wake_
  const UniqueFd wake_;   // eventfd: failures_ is not empty
  std::optional<ChildProcess> child_;
  FrameReader reader_;
  std::string unsent_;
  std::deque<Call> queue_;
  std::optional<Call> in_flight_;
  int64_t deadline_ns_ = 0;  // of in_flight_
  std::deque<std::pair<Call, absl::Status>> failures_;
  std::map<int32_t, int64_t> refused_until_ns_;  // by pid
  int64_t backoff_ns_;
  int64_t restart_at_ns_ = 0;
  uint64_t next_id_ = 1;
  InspectorStats stats_;
};

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_INSPECTOR_CLIENT_H_

// RequestSources looks for the request counts of each process, tier 7, in this
// order: files of prometheus_client's multiprocess mode; /metrics, where its
// pod's annotations or a rule ask for that; the statistics of its uWSGI. Files
// are read at once. The others are asked through a port at most every
// kAskPeriodNs, ever more seldom while they fail, and their answers become
// snapshots of their own moment. Loop thread only; owned by ProcessTable.
#ifndef PLIMSOLL_AGENT_REQUEST_SOURCES_H_
#define PLIMSOLL_AGENT_REQUEST_SOURCES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config.h"
#include "agent/core/clock.h"
#include "agent/core/request_port.h"
#include "agent/core/snapshot.h"
#include "agent/procfs/proc_root.h"
#include "agent/watched_process.h"
#include "agent/workload/counter_continuity.h"
#include "agent/workload/request_reader.h"

namespace plimsoll::agent {

class RequestSources {
 public:
  static constexpr int64_t kAskPeriodNs = 15'000'000'000;

  // `port` is null where nothing but files is looked at.
  RequestSources(const Config& config, procfs::ProcRoot proc,
                 core::RequestPort* port, core::Clock* clock,
                 int64_t ticks_per_second);
  ~RequestSources() { *alive_ = false; }
  RequestSources(const RequestSources&) = delete;
  RequestSources& operator=(const RequestSources&) = delete;

  // Puts what is there into `snapshot`, asks where it is time, and tells the
  // tier.
  void Look(const core::ProcessId& id, WatchedProcess& process,
            core::Snapshot& snapshot);
  void Forget(const core::ProcessId& id) { asked_.erase(id); }
  // Snapshots of what was answered since the last call, in order of time.
  std::vector<core::Snapshot> TakeAnswers();

 private:
  // What is known of a process that is asked.
  struct Asked {
    explicit Asked(workload::CounterContinuity of_its_answers)
        : continuity(std::move(of_its_answers)) {}
    workload::CounterContinuity continuity;
    bool waiting = false;
    bool given_up = false;  // its counts are those of several processes
    int64_t next_ns = 0;
    int failures = 0;  // one after the other
    std::string source;
    absl::Status last =
        absl::UnavailableError("asked for its counters, not answered yet");
    std::map<std::string, int64_t> losses;
  };

  absl::Status ReadFiles(const core::ProcessId& id, WatchedProcess& process,
                         core::Snapshot& snapshot);
  // nullopt: nothing says that it should be asked.
  absl::StatusOr<std::optional<core::RequestQuestion>> QuestionFor(
      const core::ProcessId& id, const WatchedProcess& process) const;
  void Ask(core::RequestQuestion question, WatchedProcess& process);
  void Take(const core::ProcessId& id,
            absl::StatusOr<core::RequestAnswer> answer);
  void Refuse(Asked& asked, absl::Status why);

  const Config& config_;
  const procfs::ProcRoot proc_;
  core::RequestPort* const port_;
  core::Clock* const clock_;
  const int64_t ticks_per_second_;
  const workload::RequestReader files_;
  std::map<core::ProcessId, Asked> asked_;
  std::vector<core::Snapshot> answers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_REQUEST_SOURCES_H_

// RequestWorker asks processes for their request counters on a thread of its
// own, one after the other, so that the loop keeps its timers. Questions go to
// it by a queue of kMostWaiting, answers come back by `post`, which the caller
// runs on its own thread. The thread may use a share of one core; while that is
// spent, answers are kResourceExhausted at once. All calls on one thread (the
// loop's); destruction drops what waits, within some two seconds.
#ifndef PLIMSOLL_AGENT_REQUEST_WORKER_H_
#define PLIMSOLL_AGENT_REQUEST_WORKER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "agent/core/cpu_budget.h"
#include "agent/core/request_port.h"
#include "agent/procfs/proc_root.h"
#include "agent/request_asker.h"
#include "agent/workload/request_filter.h"

namespace plimsoll::agent {

class RequestWorker final : public core::RequestPort {
 public:
  static constexpr size_t kMostWaiting = 512;

  // From any thread: runs the work later on the caller's thread.
  using Post = std::function<void(std::function<void()>)>;

  RequestWorker(procfs::ProcRoot proc, workload::RequestFilter filter,
                double cpu_share, Post post,
                int64_t cpu_burst_ns = 1'000'000'000);
  ~RequestWorker() override;

  void Ask(core::RequestQuestion question, Done done) override;

 private:
  struct Waiting {
    core::RequestQuestion question;
    Done done;
  };
  void Run();
  void Answer(Done done, absl::StatusOr<core::RequestAnswer> answer);

  const Post post_;
  std::atomic<bool> stop_ = false;
  RequestAsker asker_;      // the worker's thread only
  core::CpuBudget budget_;  // the worker's thread only

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Waiting> waiting_;

  std::thread thread_;  // last: runs over all of the above
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_REQUEST_WORKER_H_

// WindowWorker opens, watches and closes allocation windows on a thread of its
// own, so that the loop keeps its timers: an attach with its pilot takes about
// 0.1 s, a detach by perf as much for each probe. The kernel's objects belong
// to that thread alone; requests go to it by a queue and answers come back by
// `post`, which the caller runs on its own thread.
//
// All calls on one thread (the loop's). Destruction closes every window at once
// and drops their answers.
#ifndef PLIMSOLL_AGENT_WINDOW_WORKER_H_
#define PLIMSOLL_AGENT_WINDOW_WORKER_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "agent/bpf/alloc_window.h"
#include "agent/core/process.h"
#include "agent/core/python_layout.h"

namespace plimsoll::agent {

class WindowWorker {
 public:
  // From any thread: runs the work later on the caller's thread.
  using Post = std::function<void(std::function<void()>)>;
  using Done = absl::AnyInvocable<void(absl::StatusOr<bpf::WindowCounts>)>;

  struct Job {
    core::ProcessId id;
    core::PythonProcess python;
    bpf::AllocWindowOptions options;
    int64_t duration_ns = 0;
  };

  WindowWorker(bpf::AllocProbe probe, Post post);
  ~WindowWorker();
  WindowWorker(const WindowWorker&) = delete;
  WindowWorker& operator=(const WindowWorker&) = delete;

  // `done` comes once, by `post`: the counts when the time is over, the budget
  // is spent or the process is gone; or why there is no window.
  void Open(Job job, Done done);
  // Ends the window of a process before its time.
  void Close(const core::ProcessId& id);

 private:
  struct Request {
    Job job;
    Done done;  // null: close the window of job.id
  };
  struct Running {
    core::ProcessId id;
    bpf::AllocWindow window;
    int64_t end_ns = 0;
    Done done;
  };

  void Run();
  void Begin(Request request, std::vector<Running>& running);
  void EndDue(std::vector<Running>& running);
  void Answer(Done done, absl::StatusOr<bpf::WindowCounts> counts);
  static int64_t WaitNs(const std::vector<Running>& running);

  bpf::AllocProbe probe_;  // the worker's thread only
  const Post post_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Request> requests_;
  bool stop_ = false;

  std::thread thread_;  // last: runs over all of the above
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_WINDOW_WORKER_H_

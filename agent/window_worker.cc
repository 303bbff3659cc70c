#include "agent/window_worker.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "agent/bpf/targets.h"

namespace plimsoll::agent {
namespace {

// How often it is looked at whether a budget is spent or a process gone.
constexpr int64_t kPollNs = 250'000'000;
constexpr int64_t kIdleNs = 60'000'000'000;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

WindowWorker::WindowWorker(bpf::AllocProbe probe, Post post)
    : probe_(std::move(probe)),
      post_(std::move(post)),
      thread_([this] { Run(); }) {}

WindowWorker::~WindowWorker() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void WindowWorker::Open(Job job, Done done) {
  {
    std::lock_guard lock(mutex_);
    requests_.push_back({std::move(job), std::move(done)});
  }
  wake_.notify_all();
}

void WindowWorker::Close(const core::ProcessId& id) {
  Job job;
  job.id = id;
  Open(std::move(job), nullptr);
}

void WindowWorker::Answer(Done done, absl::StatusOr<bpf::WindowCounts> counts) {
  // A std::function wants to be copied; what it holds cannot be.
  auto held = std::make_shared<Done>(std::move(done));
  auto answer =
      std::make_shared<absl::StatusOr<bpf::WindowCounts>>(std::move(counts));
  post_([held, answer] { (*held)(std::move(*answer)); });
}

void WindowWorker::Begin(Request request, std::vector<Running>& running) {
  if (request.done == nullptr) {
    for (Running& window : running) {
      if (window.id == request.job.id) window.end_ns = 0;
    }
    return;
  }
  auto window = probe_.OpenWindow(request.job.python, request.job.options);
  if (!window.ok()) {
    Answer(std::move(request.done), window.status());
    return;
  }
  running.push_back({request.job.id, *std::move(window),
                     NowNs() + request.job.duration_ns,
                     std::move(request.done)});
}

void WindowWorker::EndDue(std::vector<Running>& running) {
  std::vector<Running> rest;
  for (Running& window : running) {
    bool over = NowNs() >= window.end_ns ||
                window.window.Progress().budget_spent ||
                bpf::ProcessGone(window.window.pid());
    if (over) {
      Answer(std::move(window.done), window.window.Close());
    } else {
      rest.push_back(std::move(window));
    }
  }
  running = std::move(rest);
}

int64_t WindowWorker::WaitNs(const std::vector<Running>& running) {
  if (running.empty()) return kIdleNs;
  int64_t wait = kPollNs;
  for (const Running& window : running) {
    wait = std::min(wait, window.end_ns - NowNs());
  }
  return std::max<int64_t>(wait, 0);
}

void WindowWorker::Run() {
  std::vector<Running> running;  // closed when the thread ends
  for (;;) {
    std::deque<Request> next;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, std::chrono::nanoseconds(WaitNs(running)),
                     [this] { return stop_ || !requests_.empty(); });
      if (stop_) return;
      // One at a time: an end must not wait for several attaches.
      if (!requests_.empty()) {
        next.push_back(std::move(requests_.front()));
        requests_.pop_front();
      }
    }
    for (Request& request : next) Begin(std::move(request), running);
    EndDue(running);
  }
}

}  // namespace plimsoll::agent

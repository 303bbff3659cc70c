#include "agent/request_worker.h"

#include <ctime>
#include <memory>
#include <utility>

namespace plimsoll::agent {
namespace {

int64_t Now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

RequestWorker::RequestWorker(procfs::ProcRoot proc,
                             workload::RequestFilter filter, double cpu_share,
                             Post post, int64_t cpu_burst_ns)
    : post_(std::move(post)),
      asker_(std::move(proc), std::move(filter), &stop_),
      budget_(cpu_share, cpu_burst_ns),
      thread_([this] { Run(); }) {}

RequestWorker::~RequestWorker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void RequestWorker::Ask(core::RequestQuestion question, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < kMostWaiting) {
      waiting_.push_back({std::move(question), std::move(done)});
      done = nullptr;
    }
  }
  wake_.notify_all();
  if (done == nullptr) return;
  Answer(std::move(done), absl::ResourceExhaustedError(
                              "too many processes wait to be asked for their "
                              "request counters"));
}

void RequestWorker::Answer(Done done,
                           absl::StatusOr<core::RequestAnswer> answer) {
  // A std::function wants to be copied; what it holds cannot be.
  auto held = std::make_shared<Done>(std::move(done));
  auto given =
      std::make_shared<absl::StatusOr<core::RequestAnswer>>(std::move(answer));
  post_([held, given] { (*held)(std::move(*given)); });
}

void RequestWorker::Run() {
  for (;;) {
    Waiting next;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
      if (stop_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    budget_.Update(Now(CLOCK_BOOTTIME), Now(CLOCK_THREAD_CPUTIME_ID));
    if (budget_.MayBegin()) {
      Answer(std::move(next.done), asker_.Ask(next.question));
    } else {
      Answer(std::move(next.done),
             absl::ResourceExhaustedError(
                 "the CPU budget for asking processes for their request "
                 "counters is spent"));
    }
  }
}

}  // namespace plimsoll::agent

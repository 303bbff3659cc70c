// Clocks. The CPU time of the calling thread is for what something costs: on a
// full machine the clock on the wall counts what others took meanwhile.
#ifndef PLIMSOLL_AGENT_BPF_THREAD_CLOCK_H_
#define PLIMSOLL_AGENT_BPF_THREAD_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace plimsoll::bpf {

inline int64_t NowNs(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
inline int64_t ThreadCpuNs() { return NowNs(CLOCK_THREAD_CPUTIME_ID); }
// BPF's bpf_ktime_get_ns.
inline int64_t MonotonicNs() { return NowNs(CLOCK_MONOTONIC); }

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_THREAD_CLOCK_H_

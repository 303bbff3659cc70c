// The CPU time of the calling thread, for what something costs: on a full
// machine the clock on the wall counts what others took meanwhile.
#ifndef PLIMSOLL_AGENT_BPF_THREAD_CLOCK_H_
#define PLIMSOLL_AGENT_BPF_THREAD_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace plimsoll::bpf {

inline int64_t ThreadCpuNs() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_THREAD_CLOCK_H_

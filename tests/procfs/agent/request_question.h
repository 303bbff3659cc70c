// The question that the agent would ask of a live process, for tests.
#ifndef PLIMSOLL_TESTS_PROCFS_AGENT_REQUEST_QUESTION_H_
#define PLIMSOLL_TESTS_PROCFS_AGENT_REQUEST_QUESTION_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>

#include "agent/core/request_port.h"
#include "agent/procfs/proc_root.h"

namespace plimsoll::agent {

// Instead of the 2 s of the product: a test machine may be busy.
inline constexpr int64_t kPatienceNs = 30'000'000'000;

inline core::RequestQuestion QuestionOf(int32_t pid) {
  const auto seconds = [](clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) +
           static_cast<double>(now.tv_nsec) / 1e9;
  };
  core::RequestQuestion question;
  const auto stat = procfs::ProcRoot().ReadStat(pid);
  EXPECT_TRUE(stat.ok()) << stat.status();
  if (!stat.ok()) return question;
  question.id = {pid, stat->start_ticks, 0};
  question.namespace_pid = pid;
  question.start_s = static_cast<double>(stat->start_ticks) /
                     static_cast<double>(::sysconf(_SC_CLK_TCK));
  question.start_unix_s =
      seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) + question.start_s;
  return question;
}

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_TESTS_PROCFS_AGENT_REQUEST_QUESTION_H_

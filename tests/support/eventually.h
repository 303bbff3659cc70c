// Waits for a condition instead of for a time: a test that sleeps and then
// expects fails on a slow machine. One thread.
//
// Example:
//   ASSERT_TRUE(Eventually([&] { return server.connections() == 2; }));
#ifndef PLIMSOLL_TESTS_SUPPORT_EVENTUALLY_H_
#define PLIMSOLL_TESTS_SUPPORT_EVENTUALLY_H_

#include <chrono>
#include <thread>

namespace plimsoll::testing {

// Whether it holds before the limit, which is for a machine with other work: a
// condition that comes at once costs nothing of it.
template <typename Condition>
bool Eventually(
    Condition condition,
    std::chrono::milliseconds limit = std::chrono::seconds(60),
    std::chrono::milliseconds between = std::chrono::milliseconds(5)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(between);
  }
  return true;
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_EVENTUALLY_H_

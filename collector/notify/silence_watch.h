// Reads the active silences of every Alertmanager replica, again and again, on
// a thread of its own. A replica that does not answer keeps what it said last:
// its silences end by themselves.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_SILENCE_WATCH_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_SILENCE_WATCH_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collector/core/incident/incident_ports.h"
#include "collector/notify/silences.h"

namespace plimsoll::collector::net {
class HttpExchange;
}

namespace plimsoll::collector::notify {

struct SilenceWatchOptions {
  std::vector<std::string> urls;
  int64_t period_ns = 10'000'000'000;  // a suspicion stands for longer
  int64_t request_timeout_ns = 5'000'000'000;
};

class SilenceWatch : public SilenceReader {
 public:
  explicit SilenceWatch(SilenceWatchOptions options);
  ~SilenceWatch() override;

  std::optional<Silence> Silencing(
      const std::map<std::string, std::string>& labels,
      int64_t now_ns) const override;

  // Until every replica was asked once, or failed, or this time has passed: a
  // restart must not page what was silenced before it.
  void AwaitFirstLook(int64_t at_most_ns) const;

  std::vector<SilenceSourceStatus> Status() const;

 private:
  struct Replica {
    SilenceSourceStatus status;
    std::vector<ActiveSilence> silences;
    bool looked = false;
  };
  void Run();
  void Look(size_t index, net::HttpExchange& http);

  const SilenceWatchOptions options_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Replica> replicas_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_SILENCE_WATCH_H_

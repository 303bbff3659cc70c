// PodWatch keeps a PodCache as the Kubernetes API has it: lists the pods of
// this node, then watches them from there on a thread of its own. While the
// server is away the cache stays as it was and the watch tries again, ever more
// slowly. The agent needs `list` and `watch` of pods and `get` of nodes.
#ifndef PLIMSOLL_AGENT_KUBE_POD_WATCH_H_
#define PLIMSOLL_AGENT_KUBE_POD_WATCH_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "agent/kube/api_client.h"
#include "agent/kube/pod_cache.h"

namespace plimsoll::kube {

struct PodWatchOptions {
  ApiAddress api;
  std::string node;  // spec.nodeName of the pods that are watched
  uint64_t random_seed = 0;
  // How long one watch is asked to last; between half of it and it.
  int64_t watch_ns = 300'000'000'000;
  // The first wait after a failure; it doubles up to `most_wait_ns`.
  int64_t first_wait_ns = 1'000'000'000;
  int64_t most_wait_ns = 30'000'000'000;
  // Called on the watch's thread when the server is there again and when it is
  // not any more: an OK status, or what went wrong.
  std::function<void(const absl::Status&)> on_change;
};

struct PodWatchStats {
  bool connected = false;  // the last request succeeded, or is open
  int64_t lists = 0;
  int64_t events = 0;
  int64_t bad_events = 0;  // could not be read; they changed nothing
  int64_t failures = 0;
};

class PodWatch {
 public:
  // `cache` must outlive this.
  PodWatch(PodWatchOptions options, PodCache* cache);
  ~PodWatch();
  PodWatch(const PodWatch&) = delete;
  PodWatch& operator=(const PodWatch&) = delete;

  PodWatchStats stats() const;  // any thread

 private:
  void Run();
  absl::Status List();
  absl::Status Watch();
  absl::Status Take(std::string_view line);
  void ReadNode();
  void Tell(const absl::Status& status);
  void Rest();

  const PodWatchOptions options_;
  PodCache* const cache_;
  std::atomic<bool> stop_ = false;
  ApiClient client_;
  std::minstd_rand random_;
  std::string resource_version_;  // "": list first
  bool told_ = false;             // on_change has been called
  int64_t wait_ns_;

  mutable std::mutex mutex_;
  std::condition_variable stopping_;
  PodWatchStats stats_;
  std::thread thread_;
};

}  // namespace plimsoll::kube

#endif  // PLIMSOLL_AGENT_KUBE_POD_WATCH_H_

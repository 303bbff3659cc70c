// What watches of pods cost, ours and the API server's: as many of the agent's
// clients as there are nodes, each on its own node, in one process.
//   pod_watch_bench URL TOKEN_FILE CA_FILE NODES [SECONDS]
// Nodes are called node-0 ... Prints what a client adds to memory, how long it
// took until all had listed, and what they did in SECONDS of watching.
// tests/bench/pod_watch.py starts a server of made-up nodes for it.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/kube/pod_watch.h"

namespace plimsoll::kube {
namespace {

using Clock = std::chrono::steady_clock;

struct Client {
  PodCache cache;
  std::unique_ptr<PodWatch> watch;
};

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0;
  int64_t resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double SecondsSince(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

struct Sum {
  size_t connected = 0;
  size_t pods = 0;
  int64_t lists = 0;
  int64_t events = 0;
  int64_t bad_events = 0;
  int64_t failures = 0;
};

Sum SumOf(const std::vector<std::unique_ptr<Client>>& clients) {
  Sum sum;
  for (const auto& client : clients) {
    const PodWatchStats stats = client->watch->stats();
    if (stats.connected) ++sum.connected;
    sum.pods += client->cache.size();
    sum.lists += stats.lists;
    sum.events += stats.events;
    sum.bad_events += stats.bad_events;
    sum.failures += stats.failures;
  }
  return sum;
}

void Print(const char* when, const Sum& sum, double seconds, double cpu) {
  std::printf(
      "%s: %zu connected, %zu pods, %lld lists, %lld events, %lld bad, %lld "
      "failures, %.1f s, %.2f CPU s\n",
      when, sum.connected, sum.pods, static_cast<long long>(sum.lists),
      static_cast<long long>(sum.events),
      static_cast<long long>(sum.bad_events),
      static_cast<long long>(sum.failures), seconds, cpu);
  std::fflush(stdout);
}

constexpr int kMostSaid = 5;
std::atomic<int> said{0};

int Run(const ApiAddress& api, size_t nodes, double seconds) {
  std::vector<std::unique_ptr<Client>> clients;
  const int64_t before = ResidentBytes();
  const Clock::time_point began = Clock::now();
  for (size_t i = 0; i < nodes; ++i) {
    auto client = std::make_unique<Client>();
    PodWatchOptions options;
    options.api = api;
    options.node = "node-" + std::to_string(i);
    options.random_seed = i;
    options.on_change = [i](const absl::Status& status) {
      if (status.ok() || ++said > kMostSaid) return;
      std::fprintf(stderr, "client %zu: %s\n", i,
                   std::string(status.message()).c_str());
    };
    client->watch =
        std::make_unique<PodWatch>(std::move(options), &client->cache);
    clients.push_back(std::move(client));
  }
  constexpr double kPatience_s = 300;
  Sum sum = SumOf(clients);
  while (sum.connected < nodes && SecondsSince(began) < kPatience_s) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    sum = SumOf(clients);
  }
  Print("listed", sum, SecondsSince(began), CpuSeconds());
  if (sum.connected < nodes) return 1;
  const Clock::time_point watching = Clock::now();
  const double cpu = CpuSeconds();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  sum = SumOf(clients);
  Print("watched", sum, SecondsSince(watching), CpuSeconds() - cpu);
  std::printf("memory: %.1f KiB a client, of %.1f pods each\n",
              static_cast<double>(ResidentBytes() - before) / 1024.0 /
                  static_cast<double>(nodes),
              static_cast<double>(sum.pods) / static_cast<double>(nodes));
  // What failed and was tried again is told; what was lost is a failure.
  const int code = sum.connected == nodes && sum.bad_events == 0 ? 0 : 1;
  std::fflush(nullptr);
  std::_Exit(code);  // one after the other they would take minutes to end
}

}  // namespace
}  // namespace plimsoll::kube

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) {
    std::fprintf(
        stderr,
        "usage: pod_watch_bench URL TOKEN_FILE CA_FILE NODES [SECONDS]\n");
    return 2;
  }
  const auto nodes = static_cast<size_t>(std::strtoul(argv[4], nullptr, 10));
  if (nodes == 0) return 2;
  return plimsoll::kube::Run({argv[1], argv[2], argv[3]}, nodes,
                             argc == 6 ? std::strtod(argv[5], nullptr) : 60);
}

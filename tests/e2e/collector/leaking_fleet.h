// An agent made up: one leaking process among many quiet ones, whose last five
// minutes it tells as fast as it can. It keeps the spool's promise: what is not
// acknowledged is sent again after the next Welcome.
#ifndef PLIMSOLL_TESTS_E2E_COLLECTOR_LEAKING_FLEET_H_
#define PLIMSOLL_TESTS_E2E_COLLECTOR_LEAKING_FLEET_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "plimsoll/v1/stream.grpc.pb.h"

namespace plimsoll::testing {

inline constexpr int64_t kSecondNs = 1'000'000'000;
inline constexpr int kQuietProcesses = 100;
inline constexpr int64_t kFirstBoottimeNs = 100'000 * kSecondNs;

inline int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class LeakingFleet {
 public:
  // Batch 1 is of `history_s` ago; one each ten seconds of the node's time up
  // to now, then one each 10 ms.
  explicit LeakingFleet(int history_s)
      : first_unix_ns_(UnixNow() - history_s * kSecondNs),
        history_(static_cast<uint64_t>(history_s / 10)) {}

  // The resident size that batch `seq` tells of the leaking process.
  static int64_t RssOf(uint64_t seq) {
    return 200'000'000 + static_cast<int64_t>(seq) * 4096;
  }

  v1::NodeMessage Batch(uint64_t seq) const {
    v1::NodeMessage message;
    v1::Batch& batch = *message.mutable_batch();
    const int64_t past = static_cast<int64_t>(std::min(seq, history_)) - 1;
    const int64_t later =
        static_cast<int64_t>(seq > history_ ? seq - history_ : 0);
    const int64_t since_ns = past * 10 * kSecondNs + later * kSecondNs / 100;
    batch.set_seq(seq);
    batch.set_boot_id("boot-a");
    batch.set_boottime_ns(kFirstBoottimeNs + since_ns);
    batch.set_wall_offset_ns(first_unix_ns_ - kFirstBoottimeNs);
    batch.add_strings("");
    batch.add_strings("routing.vehicles.FloatingVehicle");
    for (int pid = 1; pid <= 1 + kQuietProcesses; ++pid) {
      AddProcess(pid, seq, since_ns, batch);
    }
    return message;
  }

  std::atomic<uint64_t> acknowledged{0};
  std::atomic<int> commands{0};

  // One stream: sends [next wanted, last] and reads until all of it is
  // acknowledged and so many commands were answered, or the stream ends. False
  // when it ended before.
  bool Stream(int port, uint64_t last, int commands_wanted = 0) {
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    auto stub = v1::Fleet::NewStub(
        grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                  grpc::InsecureChannelCredentials(), own));
    grpc::ClientContext call;
    call.set_wait_for_ready(true);
    call.set_deadline(std::chrono::system_clock::now() +
                      std::chrono::seconds(30));
    auto stream = stub->Connect(&call);
    v1::NodeMessage hello;
    hello.mutable_hello()->set_agent_id("agent-1");
    hello.mutable_hello()->set_spool_id("spool-1");
    hello.mutable_hello()->set_node("node-1");
    v1::CollectorMessage answer;
    if (!stream->Write(hello) || !stream->Read(&answer)) return false;
    const uint64_t from = std::max<uint64_t>(1, answer.welcome().next_seq());
    welcomed_ = from;
    std::mutex writing;
    std::thread writer([&] {
      for (uint64_t seq = from; seq <= last; ++seq) {
        const v1::NodeMessage batch = Batch(seq);
        const std::lock_guard lock(writing);
        if (!stream->Write(batch)) return;
      }
    });
    while ((acknowledged < last || commands < commands_wanted) &&
           stream->Read(&answer)) {
      if (answer.has_ack()) acknowledged = answer.ack().seq();
      if (!answer.has_command()) continue;
      ++commands;
      v1::NodeMessage result;
      result.mutable_command_result()->set_command_id(answer.command().id());
      result.mutable_command_result()->set_outcome(
          v1::CommandResult::OUTCOME_REFUSED);
      result.mutable_command_result()->set_reason("a hit costs 19 us here");
      const std::lock_guard lock(writing);
      stream->Write(result);
    }
    const bool done = acknowledged >= last && commands >= commands_wanted;
    call.TryCancel();
    writer.join();
    return done;
  }

  // What the newest Welcome wanted.
  uint64_t welcomed() const { return welcomed_; }

 private:
  void AddProcess(int pid, uint64_t seq, int64_t since_ns,
                  v1::Batch& batch) const {
    v1::ProcessId id;
    id.set_boot_id("boot-a");
    id.set_pid(pid);
    id.set_start_ticks(static_cast<uint64_t>(pid));
    const bool leaks = pid == 1;
    if (seq == 1) {
      v1::ProcessDescription& process = *batch.add_processes();
      *process.mutable_process() = id;
      process.mutable_workload()->set_name(leaks ? "routing-api" : "quiet");
      process.set_node("node-1");
      process.set_region("ap-southeast-1");
      process.set_start_unix_ns(first_unix_ns_ - 100 * kSecondNs);
    }
    v1::Snapshot& snapshot = *batch.add_snapshots();
    *snapshot.mutable_process() = id;
    snapshot.set_boottime_ns(batch.boottime_ns());
    v1::MemorySample& memory = *snapshot.mutable_memory();
    // 20 MiB a minute, towards 384 MiB.
    const int64_t grown = leaks ? since_ns / kSecondNs * (20 << 20) / 60 : 0;
    memory.set_rss_bytes(leaks ? RssOf(seq) : 50'000'000 + pid);
    memory.set_anon_bytes((100 << 20) + grown);
    memory.mutable_cgroup()->set_path("/app");
    memory.mutable_cgroup()->set_current_bytes((100 << 20) + grown);
    memory.mutable_cgroup()->set_limit_bytes(384 << 20);
    if (!leaks || seq % 3 != 0) return;
    v1::TypeCount& type = *snapshot.mutable_census()->add_types();
    type.set_type_str(1);
    type.set_objects(1000 + grown / 170);
    type.set_bytes(170'000 + grown);
  }

  const int64_t first_unix_ns_;
  const uint64_t history_;
  std::atomic<uint64_t> welcomed_{0};
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_E2E_COLLECTOR_LEAKING_FLEET_H_

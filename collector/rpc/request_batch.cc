#include "collector/rpc/request_batch.h"

#include <map>

#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::collector::rpc {
namespace {

constexpr char kMetric[] = "requests";

class Strings {
 public:
  explicit Strings(v1::Batch& batch) : batch_(batch) { batch_.add_strings(""); }
  uint32_t Intern(const std::string& text) {
    const auto [at, is_new] =
        places_.try_emplace(text, static_cast<uint32_t>(batch_.strings_size()));
    if (is_new) batch_.add_strings(text);
    return at->second;
  }

 private:
  v1::Batch& batch_;
  std::map<std::string, uint32_t> places_;
};

v1::RequestCount& Add(const std::string& metric,
                      const PodAttributes& attributes, double value,
                      Strings& strings, v1::RequestCounts& requests) {
  v1::RequestCount& count = *requests.add_counts();
  count.set_metric_str(strings.Intern(metric));
  count.set_value(value);
  for (const auto& [key, text] : attributes) {
    v1::Attribute& attribute = *count.add_attributes();
    attribute.set_key_str(strings.Intern(key));
    attribute.set_value_str(strings.Intern(text));
  }
  return count;
}

}  // namespace

std::string EncodeRequestBatch(const RequestBatch& batch) {
  v1::NodeMessage message;
  v1::Batch& out = *message.mutable_batch();
  out.set_seq(batch.seq);
  out.set_boot_id(batch.boot_id);
  out.set_boottime_ns(batch.boottime_ns);
  out.set_wall_offset_ns(batch.wall_offset_ns);
  Strings strings(out);
  for (const ProcessRequests& served : batch.processes) {
    v1::Snapshot& snapshot = *out.add_snapshots();
    v1::ProcessId& id = *snapshot.mutable_process();
    id.set_boot_id(batch.boot_id);
    id.set_pid(served.process.pid);
    id.set_start_ticks(served.process.start_ticks);
    id.set_exec_seq(served.process.exec_seq);
    snapshot.set_boottime_ns(batch.boottime_ns);
    v1::RequestCounts& requests = *snapshot.mutable_requests();
    requests.set_source(batch.source);
    requests.set_reliable(true);
    for (const auto& [attributes, value] : served.counts) {
      Add(kMetric, attributes, value, strings, requests);
    }
    for (const auto& [name_and_attributes, level] : served.gauges) {
      const auto& [name, attributes] = name_and_attributes;
      Add(name, attributes, level, strings, requests).set_gauge(true);
    }
  }
  return message.SerializeAsString();
}

}  // namespace plimsoll::collector::rpc

// The evidence of golden_batch.h: a stack profile of every kind, and a holder
// graph.
#ifndef PLIMSOLL_TESTS_SUPPORT_GOLDEN_EVIDENCE_H_
#define PLIMSOLL_TESTS_SUPPORT_GOLDEN_EVIDENCE_H_

#include <cstdint>
#include <map>
#include <string>

#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::testing {

// Builds a batch's string table.
class BatchStrings {
 public:
  explicit BatchStrings(v1::Batch* batch) : batch_(batch) {
    if (batch_->strings_size() == 0) batch_->add_strings("");
  }
  uint32_t operator()(const std::string& text) {
    for (int i = 0; i < batch_->strings_size(); ++i) {
      if (batch_->strings(i) == text) return static_cast<uint32_t>(i);
    }
    batch_->add_strings(text);
    return static_cast<uint32_t>(batch_->strings_size() - 1);
  }

 private:
  v1::Batch* batch_;
};

inline void AddGoldenFrame(v1::Stack* stack, BatchStrings& strings) {
  v1::Frame* frame = stack->add_frames();
  frame->set_function_str(strings("load"));
  frame->set_file_str(strings("routing/vehicles.py"));
  frame->set_module_str(strings("routing.vehicles"));
  frame->set_line(118);
  frame->set_kind(v1::Frame::KIND_PYTHON);
}

inline void AddGoldenEvidence(v1::Snapshot* snapshot, BatchStrings& strings) {
  const std::map<v1::StackProfile::Kind, int64_t> kinds = {
      {v1::StackProfile::KIND_WINDOW, 501},
      {v1::StackProfile::KIND_BIRTH, 502},
      {v1::StackProfile::KIND_PAGE, 503},
      {v1::StackProfile::KIND_GC, 504},
      {v1::StackProfile::KIND_STORE, 505},
      {v1::StackProfile::KIND_NATIVE, 506}};
  for (const auto& [kind, allocations] : kinds) {
    v1::StackProfile* profile = snapshot->add_stack_profiles();
    profile->set_kind(kind);
    profile->set_begin_boottime_ns(snapshot->boottime_ns() - 20'000'000'000);
    profile->set_end_boottime_ns(snapshot->boottime_ns());
    AddGoldenFrame(profile->add_stacks(), strings);
    v1::StackCount* count = profile->add_counts();
    count->set_type_str(strings("routing.vehicles.FloatingVehicle"));
    count->set_allocations(allocations);
    count->set_allocated_bytes(allocations * 170);
    count->set_probe(v1::PROBE_TYPE_GENERIC_ALLOC);
  }
  v1::HolderGraph* holders = snapshot->add_holders();
  holders->set_type_str(strings("routing.vehicles.FloatingVehicle"));
  v1::HolderPath* path = holders->add_paths();
  path->set_share(0.9);
  path->set_retained_bytes(11'000'000);
  path->add_path("module routing.pools");
  path->add_path("OPEN");
  v1::KeptAt* kept = holders->add_kept_at();
  kept->set_share(0.8);
  AddGoldenFrame(kept->mutable_stack(), strings);
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_GOLDEN_EVIDENCE_H_

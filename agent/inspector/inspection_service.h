// InspectionService does what the child is asked: it alone touches foreign
// bytes. A process is looked at only while it is the one that was meant: its
// start time is compared before and after, and so is PyType_Type, which exec
// takes away.
//
// One owner, one thread. Clock: CLOCK_MONOTONIC in nanoseconds.
#ifndef PLIMSOLL_AGENT_INSPECTOR_INSPECTION_SERVICE_H_
#define PLIMSOLL_AGENT_INSPECTOR_INSPECTION_SERVICE_H_

#include <cstdint>
#include <list>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "agent/python/code_symbolizer.h"
#include "agent/python/interpreter_binary.h"
#include "plimsoll/inspector/v1/inspector.pb.h"

namespace plimsoll::inspector {

class InspectionService {
 public:
  using Clock = absl::AnyInvocable<int64_t()>;
  InspectionService(std::string proc_root, Clock now_ns);

  v1::Response Handle(const v1::Request& request);

 private:
  struct Symbolizer {
    int32_t pid;
    uint64_t start_ticks;
    python::CodeSymbolizer symbolizer;
  };
  static constexpr size_t kMostSymbolizers = 16;
  static constexpr size_t kSymbolizerBytes = 512 << 10;

  absl::Status Dispatch(const v1::Request& request, v1::Response& response);
  absl::Status Identify(const v1::Identify& request, v1::Response& response);
  absl::Status TakeCensus(const v1::TakeCensus& request,
                          v1::Response& response);
  absl::Status Symbolize(const v1::Symbolize& request, v1::Response& response);
  absl::Status FindMallocSites(const v1::FindMallocSites& request,
                               v1::Response& response);
  absl::Status CheckChunks(const v1::CheckChunks& request,
                           v1::Response& response);
  absl::Status UnwindStacks(const v1::UnwindStacks& request,
                            v1::Response& response);
  absl::Status ReadResidentPages(const v1::ReadResidentPages& request,
                                 v1::Response& response);
  absl::Status LookAtBirths(const v1::LookAtBirths& request,
                            v1::Response& response);
  absl::Status CheckIsSame(const core::PythonProcess& python) const;
  python::CodeSymbolizer& SymbolizerOf(const core::PythonProcess& python);

  const std::string proc_root_;
  Clock now_ns_;
  python::BuildCache builds_;
  std::list<Symbolizer> symbolizers_;  // most recently used first
};

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_INSPECTION_SERVICE_H_

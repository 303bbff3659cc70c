#include "agent/inspector/inspection_service.h"

#include <cerrno>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/heap/census.h"
#include "agent/heap/chunk_use.h"
#include "agent/inspector/birth_codec.h"
#include "agent/inspector/birth_inspection.h"
#include "agent/inspector/census_codec.h"
#include "agent/inspector/malloc_codec.h"
#include "agent/inspector/native_codec.h"
#include "agent/inspector/native_inspection.h"
#include "agent/inspector/python_codec.h"
#include "agent/inspector/resident_pages.h"
#include "agent/inspector/start_ticks.h"
#include "agent/inspector/target_memory.h"
#include "agent/python/identify_process.h"
#include "agent/python/malloc_sites.h"
#include "agent/python/process_files.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::inspector {
namespace {

// Answers kept, good and bad: most files of a node are no interpreters.
constexpr size_t kMostBuilds = 512;
constexpr int kMostFrames = 1 << 16;

absl::Status Gone(int32_t pid) {
  return absl::NotFoundError(
      absl::StrCat("process ", pid, " ended, or runs another program now"));
}

absl::Status NoSuchPid(int32_t pid) {
  return absl::InvalidArgumentError(absl::StrCat("no pid: ", pid));
}

}  // namespace

InspectionService::InspectionService(std::string proc_root, Clock now_ns)
    : proc_root_(std::move(proc_root)),
      now_ns_(std::move(now_ns)),
      builds_(kMostBuilds) {}

v1::Response InspectionService::Handle(const v1::Request& request) {
  v1::Response response;
  response.set_id(request.id());
  absl::Status status;
  try {
    status = Dispatch(request, response);
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError(
        "the memory limit of the inspector was reached");
  } catch (const std::exception& e) {
    status = absl::InternalError(absl::StrCat("the parser failed: ", e.what()));
  }
  if (!status.ok()) {
    response.Clear();
    response.set_id(request.id());
  }
  EncodeStatus(status, response);
  return response;
}

absl::Status InspectionService::Dispatch(const v1::Request& request,
                                         v1::Response& response) {
  switch (request.what_case()) {
    case v1::Request::kIdentify:
      return Identify(request.identify(), response);
    case v1::Request::kTakeCensus:
      return TakeCensus(request.take_census(), response);
    case v1::Request::kSymbolize:
      return Symbolize(request.symbolize(), response);
    case v1::Request::kUnwindStacks:
      return UnwindStacks(request.unwind_stacks(), response);
    case v1::Request::kReadResidentPages:
      return ReadResidentPages(request.read_resident_pages(), response);
    case v1::Request::kLookAtBirths:
      return LookAtBirths(request.look_at_births(), response);
    case v1::Request::kFindMallocSites:
      return FindMallocSites(request.find_malloc_sites(), response);
    case v1::Request::kCheckChunks:
      return CheckChunks(request.check_chunks(), response);
    case v1::Request::WHAT_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a request that asks for nothing");
}

absl::Status InspectionService::Identify(const v1::Identify& request,
                                         v1::Response& response) {
  const int32_t pid = request.pid();
  if (pid <= 0) return NoSuchPid(pid);
  PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t before,
                            ReadStartTicks(proc_root_, pid));
  PLIMSOLL_ASSIGN_OR_RETURN(
      core::PythonProcess python,
      python::IdentifyProcess(pid, proc_root_, TargetMemory(pid), builds_));
  python.start_ticks = before;
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  EncodePython(python, *response.mutable_python());
  return absl::OkStatus();
}

absl::Status InspectionService::CheckIsSame(
    const core::PythonProcess& python) const {
  if (python.pid <= 0) return NoSuchPid(python.pid);
  PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t now,
                            ReadStartTicks(proc_root_, python.pid));
  if (python.start_ticks != 0 && python.start_ticks != now) {
    return Gone(python.pid);
  }
  // Of a Python that is refused by name nothing more is known.
  if (python.type_type_address == 0) return absl::OkStatus();
  // PyType_Type is its own type, at +8 in every version.
  uint64_t type_of_type = 0;
  const TargetMemory memory(python.pid);
  if (memory.Read(python.type_type_address + 8,
                  std::as_writable_bytes(std::span(&type_of_type, 1))) !=
      sizeof(type_of_type)) {
    if (memory.last_errno() == EPERM) {
      return absl::PermissionDeniedError(
          absl::StrCat("the memory of process ", python.pid,
                       " may not be read: needs its user, or CAP_SYS_PTRACE"));
    }
    return Gone(python.pid);
  }
  if (type_of_type != python.type_type_address) return Gone(python.pid);
  return absl::OkStatus();
}

absl::Status InspectionService::TakeCensus(const v1::TakeCensus& request,
                                           v1::Response& response) {
  PLIMSOLL_ASSIGN_OR_RETURN(const core::PythonProcess python,
                            DecodePython(request.python()));
  if (!python.heap_refusal.empty()) {
    return absl::UnimplementedError(python.heap_refusal);
  }
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  const int64_t began = now_ns_();
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::vector<core::Mapping> mappings,
      python::ProcProcessFiles(proc_root_, python.pid).ReadMappings());
  const Residency resident =
      ReadResidentRanges(proc_root_, python.pid, heap::PoolRanges(mappings),
                         python.objects.pool_bytes);
  auto census = heap::TakeCensus(TargetMemory(python.pid), mappings,
                                 resident.ranges, python,
                                 {.headers_only = request.headers_only(),
                                  .max_types = request.max_types(),
                                  .max_scan_bytes = request.max_scan_bytes(),
                                  .seed = request.seed()});
  // What was read of a process that ended, or became another, is not of the
  // one that was meant, and no other reason for a failure holds.
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  PLIMSOLL_RETURN_IF_ERROR(census.status());
  census->read_faults += resident.swapped_pages;
  census->duration_ns = now_ns_() - began;
  EncodeCensus(*census, *response.mutable_census());
  return absl::OkStatus();
}

absl::Status InspectionService::Symbolize(const v1::Symbolize& request,
                                          v1::Response& response) {
  if (request.code_addresses_size() != request.instructions_size() ||
      request.code_addresses_size() > kMostFrames) {
    return absl::InvalidArgumentError("frames that make no sense");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const core::PythonProcess python,
                            DecodePython(request.python()));
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  std::vector<core::RawFrame> raw;
  for (int i = 0; i < request.code_addresses_size(); ++i) {
    raw.push_back({request.code_addresses(i), request.instructions(i)});
  }
  const TargetMemory memory(python.pid);
  const auto frames = SymbolizerOf(python).Symbolize(raw, memory);
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  EncodeFrames(frames, *response.mutable_frames());
  return absl::OkStatus();
}

absl::Status InspectionService::UnwindStacks(const v1::UnwindStacks& request,
                                             v1::Response& response) {
  PLIMSOLL_ASSIGN_OR_RETURN(const core::PythonProcess python,
                            DecodePython(request.python()));
  PLIMSOLL_ASSIGN_OR_RETURN(const auto snapshots, DecodeSnapshots(request));
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  const auto stacks = inspector::UnwindStacks(proc_root_, python, snapshots);
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  PLIMSOLL_RETURN_IF_ERROR(stacks.status());
  EncodeNativeStacks(*stacks, *response.mutable_native_stacks());
  return absl::OkStatus();
}

absl::Status InspectionService::ReadResidentPages(
    const v1::ReadResidentPages& request, v1::Response& response) {
  PLIMSOLL_ASSIGN_OR_RETURN(const core::PythonProcess python,
                            DecodePython(request.python()));
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  const auto pages = ResidentAnonymousPages(proc_root_, python.pid);
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  PLIMSOLL_RETURN_IF_ERROR(pages.status());
  EncodePages(*pages, *response.mutable_pages());
  return absl::OkStatus();
}

absl::Status InspectionService::LookAtBirths(const v1::LookAtBirths& request,
                                             v1::Response& response) {
  PLIMSOLL_ASSIGN_OR_RETURN(const core::PythonProcess python,
                            DecodePython(request.python()));
  PLIMSOLL_ASSIGN_OR_RETURN(const core::BirthLook look,
                            DecodeBirthLook(request));
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  auto found = FindBirths(proc_root_, python, look);
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  PLIMSOLL_RETURN_IF_ERROR(found.status());
  EncodeBirthFindings(*found, *response.mutable_birth_findings());
  return absl::OkStatus();
}

absl::Status InspectionService::FindMallocSites(
    const v1::FindMallocSites& request, v1::Response& response) {
  PLIMSOLL_ASSIGN_OR_RETURN(const core::PythonProcess python,
                            DecodePython(request.python()));
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  const auto sites = python::FindMallocSites(
      python, python::ProcProcessFiles(proc_root_, python.pid),
      TargetMemory(python.pid));
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  PLIMSOLL_RETURN_IF_ERROR(sites.status());
  EncodeMallocSites(*sites, *response.mutable_malloc_sites());
  return absl::OkStatus();
}

absl::Status InspectionService::CheckChunks(const v1::CheckChunks& request,
                                            v1::Response& response) {
  PLIMSOLL_ASSIGN_OR_RETURN(const core::PythonProcess python,
                            DecodePython(request.python()));
  PLIMSOLL_ASSIGN_OR_RETURN(const auto claims, DecodeClaims(request));
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  const auto in_use = heap::ChunksInUse(TargetMemory(python.pid), claims);
  PLIMSOLL_RETURN_IF_ERROR(CheckIsSame(python));
  auto& uses = *response.mutable_chunk_uses();
  for (const bool use : in_use) uses.add_in_use(use);
  return absl::OkStatus();
}

python::CodeSymbolizer& InspectionService::SymbolizerOf(
    const core::PythonProcess& python) {
  for (auto it = symbolizers_.begin(); it != symbolizers_.end(); ++it) {
    if (it->pid == python.pid && it->start_ticks == python.start_ticks) {
      symbolizers_.splice(symbolizers_.begin(), symbolizers_, it);
      return symbolizers_.front().symbolizer;
    }
  }
  if (symbolizers_.size() >= kMostSymbolizers) symbolizers_.pop_back();
  symbolizers_.push_front({python.pid, python.start_ticks,
                           python::CodeSymbolizer(python, kSymbolizerBytes)});
  return symbolizers_.front().symbolizer;
}

}  // namespace plimsoll::inspector

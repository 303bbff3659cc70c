#include "agent/python/identify_process.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/python/allocator_tables.h"
#include "agent/python/remote_values.h"
#include "agent/python/runtime_state.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::python {
namespace {

constexpr size_t kMaxFiles = 2048;

// Whether the file is named like an interpreter; a hint for the order only.
bool HasInterpreterName(const core::Mapping& mapping) {
  const std::string name = mapping.path.substr(mapping.path.rfind('/') + 1);
  return absl::StartsWith(name, "python") ||
         absl::StartsWith(name, "libpython") || absl::StartsWith(name, "uwsgi");
}

// The malloc that the process calls: a library of one that was preloaded or
// linked goes before libc's.
std::string NativeAllocatorOf(const std::vector<core::Mapping>& mappings) {
  static constexpr std::pair<std::string_view, std::string_view> kLibraries[] =
      {{"libjemalloc", "jemalloc"}, {"libtcmalloc", "tcmalloc"},
       {"libmimalloc", "mimalloc"}, {"libc.so", "glibc"},
       {"libc-2.", "glibc"},        {"ld-musl", "musl"}};
  for (const auto& [file, name] : kLibraries) {
    for (const core::Mapping& m : mappings) {
      if (m.executable && absl::StartsWith(m.path.substr(m.path.rfind('/') + 1),
                                           std::string(file))) {
        return std::string(name);
      }
    }
  }
  return "unknown";
}

// One mapping with code per mapped file; the likeliest interpreters first.
std::vector<core::Mapping> CandidateFiles(
    const std::vector<core::Mapping>& mappings) {
  std::vector<core::Mapping> candidates;
  std::set<std::pair<uint64_t, uint64_t>> seen;
  for (const core::Mapping& m : mappings) {
    if (!m.executable || m.inode == 0) continue;
    if (!seen.emplace(m.device, m.inode).second) continue;
    candidates.push_back(m);
    if (candidates.size() == kMaxFiles) break;
  }
  std::stable_partition(candidates.begin(), candidates.end(),
                        HasInterpreterName);
  return candidates;
}

// A path may lead to another file by now: what counts is what is mapped. Memory
// that cannot be read says nothing of the file, and is asked again.
absl::Status CheckIsMapped(const InterpreterBinary& binary, uint64_t bias,
                           const core::MemorySource& memory) {
  for (const ElfSegment& s : binary.segments) {
    if (s.file_offset != 0) continue;
    const size_t n = std::min<uint64_t>(binary.head.size(), s.file_bytes);
    if (n == 0) break;
    std::string mapped(n, '\0');
    if (!ReadExactly(memory, bias + s.address,
                     std::as_writable_bytes(std::span(mapped)))) {
      return absl::UnavailableError(
          absl::StrCat("what is mapped of ", binary.build.object_path,
                       " cannot be read: it has ended, or may not be read"));
    }
    if (mapped == binary.head.substr(0, n)) return absl::OkStatus();
    break;
  }
  return absl::UnimplementedError(absl::StrCat(
      "the file at ", binary.build.object_path,
      " is not the one that the process runs, and the old one cannot be "
      "opened"));
}

absl::StatusOr<core::PythonProcess> ResolveMapped(
    const InterpreterBinary& binary, const core::Mapping& mapping,
    const core::MemorySource& memory) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      const uint64_t bias,
      LoadBiasOf(binary.segments, binary.fixed_address, mapping));
  PLIMSOLL_RETURN_IF_ERROR(CheckIsMapped(binary, bias, memory));
  return ResolveRuntime(binary, bias, memory);
}

// Of several failures the one that says most: a Python refused, then one that
// is about to start, then anything.
int Weight(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return 3;
    case absl::StatusCode::kUnimplemented:
      return 2;
    case absl::StatusCode::kNotFound:
      return 0;
    default:
      return 1;
  }
}

}  // namespace

absl::StatusOr<core::PythonProcess> IdentifyProcess(
    int32_t pid, const ProcessFiles& files, const core::MemorySource& memory,
    BuildCache& cache) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<core::Mapping> mappings,
                            files.ReadMappings());
  absl::Status worst = absl::NotFoundError("not Python");
  for (const core::Mapping& mapping : CandidateFiles(mappings)) {
    const auto file = files.OpenMapped(mapping);
    if (!file.ok()) {
      // Unreadable files matter only if they may be the interpreter.
      if (HasInterpreterName(mapping) &&
          Weight(worst) < Weight(file.status())) {
        worst = file.status();
      }
      continue;
    }
    const auto binary = cache.Get(*file, mapping.path);
    auto process = binary.ok()
                       ? ResolveMapped(**binary, mapping, memory)
                       : absl::StatusOr<core::PythonProcess>(binary.status());
    if (!process.ok()) {
      if (Weight(worst) < Weight(process.status())) worst = process.status();
      continue;
    }
    process->pid = pid;
    process->build.device = mapping.device;
    process->build.inode = mapping.inode;
    process->open_path = file->open_path;
    process->native_allocator = NativeAllocatorOf(mappings);
    process->heap_refusal =
        HeapRefusal(process->allocator, process->native_allocator);
    return process;
  }
  return worst;
}

absl::StatusOr<core::PythonProcess> IdentifyProcess(
    int32_t pid, std::string_view proc_root, const core::MemorySource& memory,
    BuildCache& cache) {
  return IdentifyProcess(pid, ProcProcessFiles(proc_root, pid), memory, cache);
}

}  // namespace plimsoll::python

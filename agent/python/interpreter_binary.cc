#include "agent/python/interpreter_binary.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/python/allocator_tables.h"
#include "agent/python/elf_relocation.h"
#include "agent/python/probe_points.h"
#include "agent/python/python_version.h"
#include "agent/python/version_layouts.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::python {
namespace {

// Every dynamic object of every process passes here: look at exports only.
constexpr std::array<std::string_view, 12> kIdentifyingExports = {
    "_PyRuntime",
    "PyType_Type",
    "PyCode_Type",
    "PyUnicode_Type",
    "PyDict_Type",
    "PyObject_Malloc",
    "PyString_FromString",         // Python 2
    "pypy_main_startup",           // PyPy
    "PyPyType_Type",               // PyPy, libpypy3-c.so
    "_Py_NegativeRefcount",        // Py_REF_DEBUG
    "_Py_MergeZeroLocalRefcount",  // Py_GIL_DISABLED
    "PyObject_GetIter",
};

absl::Status CheckImplementation(const SymbolMap& s) {
  if (s.contains("pypy_main_startup") || s.contains("PyPyType_Type")) {
    return absl::UnimplementedError("PyPy: its heap is not CPython's");
  }
  const bool is_interpreter = s.contains("PyType_Type") &&
                              s.contains("PyObject_GetIter") &&
                              s.find("PyObject_GetIter")->second.is_function;
  if (!is_interpreter) return absl::NotFoundError("not Python");
  if (s.contains("PyString_FromString")) {
    return absl::UnimplementedError(absl::StrCat(
        "Python 2: 3.", kOldestMinor, " to 3.", kNewestMinor, " can be read"));
  }
  if (!s.contains("_PyRuntime")) {
    return absl::UnimplementedError(
        "Python older than 3.7: it has no _PyRuntime");
  }
  if (s.contains("_Py_MergeZeroLocalRefcount")) {
    return absl::UnimplementedError(
        "free-threaded Python: its heap is mimalloc's and its objects have "
        "another head");
  }
  if (s.contains("_Py_NegativeRefcount")) {
    return absl::UnimplementedError(
        "debug build of Python (Py_REF_DEBUG): its objects may have another "
        "head");
  }
  return absl::OkStatus();
}

uint64_t AddressOf(const SymbolMap& symbols, std::string_view name) {
  const auto it = symbols.find(name);
  return it == symbols.end() ? 0 : it->second.address;
}

absl::Status CheckSupported(const core::PythonVersion& version) {
  if (version.minor < kOldestMinor || version.minor > kNewestMinor) {
    return absl::UnimplementedError(absl::StrCat("Python ", ToString(version),
                                                 ": 3.", kOldestMinor, " to 3.",
                                                 kNewestMinor, " can be read"));
  }
  return absl::OkStatus();
}

std::string WithoutDeleted(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.size() > kDeleted.size() &&
      path.substr(path.size() - kDeleted.size()) == kDeleted) {
    path.remove_suffix(kDeleted.size());
  }
  return std::string(path);
}

bool IsSharedLibrary(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.find(".so") != std::string_view::npos;
}

// The function that the object domain's table {ctx, malloc, ...} starts with.
uint64_t InitialMallocOf(const ElfFile& elf, const InterpreterBinary& binary) {
  const VersionLayout layout = LayoutOfMinor(binary.build.version.minor);
  const uint64_t table =
      layout.runtime_allocators != core::kAbsent
          ? binary.runtime + layout.runtime_allocators + kObjectTable
          : binary.object_allocator;
  return table == 0 ? 0 : InitialPointer(elf, table + 8).value_or(0);
}

}  // namespace

absl::StatusOr<InterpreterBinary> AnalyzeInterpreter(const OpenedFile& file,
                                                     std::string_view path) {
  const auto elf = ElfFile::Parse(file.bytes);
  // Fonts, locales and the like are mapped too.
  if (!elf.ok()) return absl::NotFoundError(elf.status().message());
  const SymbolMap symbols = elf->FindExports(kIdentifyingExports);
  PLIMSOLL_RETURN_IF_ERROR(CheckImplementation(symbols));

  InterpreterBinary binary;
  const std::string clean_path = WithoutDeleted(path);
  PLIMSOLL_ASSIGN_OR_RETURN(
      binary.build.version,
      DecideVersion(CollectVersionEvidence(*elf, clean_path)));
  PLIMSOLL_RETURN_IF_ERROR(CheckSupported(binary.build.version));
  binary.build.build_id = elf->build_id();
  binary.build.object_path = clean_path;
  binary.build.shared_library = IsSharedLibrary(clean_path);
  binary.build.stripped = !elf->has_symtab();
  binary.segments = elf->segments();
  binary.fixed_address = elf->fixed_address();
  binary.runtime = AddressOf(symbols, "_PyRuntime");
  binary.type_type = AddressOf(symbols, "PyType_Type");
  binary.code_type = AddressOf(symbols, "PyCode_Type");
  binary.unicode_type = AddressOf(symbols, "PyUnicode_Type");
  binary.dict_type = AddressOf(symbols, "PyDict_Type");
  const AllocatorTables tables = FindAllocatorTables(*elf);
  binary.object_allocator = tables.object;
  binary.raw_allocator = tables.raw;
  binary.head =
      file.bytes
          ->ReadBytes(0, std::min<uint64_t>(file.bytes->size(), 4096), 4096)
          .value_or("");
  binary.object_malloc = InitialMallocOf(*elf, binary);
  ProbePoints probes =
      FindProbePoints(*elf, binary.build.version, binary.object_malloc);
  binary.build.probes = std::move(probes.points);
  binary.build.probe_refusal = std::move(probes.refusal);
  binary.build.gc_probe_refusal = std::move(probes.gc_refusal);
  binary.build.new_pool_refusal = std::move(probes.new_pool_refusal);
  return binary;
}

BuildCache::Answer BuildCache::Get(const OpenedFile& file,
                                   std::string_view path) {
  const Key key{.device = file.device,
                .inode = file.inode,
                .size = file.bytes->size(),
                .mtime_ns = file.mtime_ns};
  if (const auto it = answers_.find(key); it != answers_.end()) {
    return it->second;
  }
  ++analyzed_;
  auto binary = AnalyzeInterpreter(file, path);
  Answer answer = binary.ok()
                      ? Answer(std::make_shared<const InterpreterBinary>(
                            *std::move(binary)))
                      : Answer(binary.status());
  if (answers_.size() >= capacity_) {
    answers_.erase(order_.front());
    order_.pop_front();
  }
  answers_.emplace(key, answer);
  order_.push_back(key);
  return answer;
}

}  // namespace plimsoll::python

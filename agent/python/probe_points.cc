#include "agent/python/probe_points.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/python/code_index.h"
#include "agent/python/elf_note.h"
#include "agent/python/instance_allocators.h"
#include "agent/python/internal_functions.h"
#include "agent/python/prologue.h"
#include "agent/python/version_layouts.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::python {
namespace {

struct Allocator {
  std::string_view symbol;
  core::ProbeKind kind;
  int arguments;
};
constexpr std::array<Allocator, 8> kAllocators = {{
    {"PyObject_Malloc", core::ProbeKind::kObjectMalloc, 1},
    {"PyObject_Calloc", core::ProbeKind::kObjectCalloc, 2},
    {"PyObject_Realloc", core::ProbeKind::kObjectRealloc, 2},
    {"PyObject_Free", core::ProbeKind::kObjectFree, 1},
    {"PyType_GenericAlloc", core::ProbeKind::kTypeGenericAlloc, 2},
    {"_PyObject_GC_New", core::ProbeKind::kGcNew, 1},
    {"_PyObject_GC_NewVar", core::ProbeKind::kGcNewVar, 2},
    {"_PyObject_New", core::ProbeKind::kObjectNew, 1},
}};

std::span<const uint8_t> AsCode(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

std::optional<core::ProbePoint> PointAt(const ElfFile& elf,
                                        const CodeIndex& index,
                                        const ElfSymbol& symbol,
                                        core::ProbeKind kind, int arguments) {
  constexpr uint64_t kMostBody = 64 << 10;
  const auto entry = elf.FileOffset(symbol.address);
  const std::string body = elf.ReadAddress(
      symbol.address, std::clamp<uint64_t>(symbol.size, 64, kMostBody));
  if (!entry || body.empty() || !symbol.is_function) return std::nullopt;
  ProbeSite site = ChooseProbeSite(AsCode(body), arguments);
  if (site.offset != 0 &&
      index.MayBeEntered(
          {.begin = symbol.address + 1,
           .end = symbol.address + site.offset + 1},
          {.begin = symbol.address, .end = symbol.address + body.size()})) {
    site = ProbeSite{};
  }
  core::ProbePoint point;
  point.kind = kind;
  point.symbol = symbol.name;
  point.file_offset = *entry + site.offset;
  point.entry_offset = *entry;
  point.cost = site.cost;
  return point;
}

std::optional<core::ProbePoint> PointOfUsdt(const ElfFile& elf,
                                            const UsdtProbe& probe,
                                            core::ProbeKind kind) {
  const auto offset = elf.FileOffset(probe.address);
  const auto argument = ParseFirstUsdtArgument(probe.arguments);
  if (!offset) return std::nullopt;
  core::ProbePoint point;
  point.kind = kind;
  point.symbol = absl::StrCat("usdt:", probe.provider, ":", probe.name);
  point.file_offset = *offset;
  point.entry_offset = *offset;
  const std::string code = elf.ReadAddress(probe.address, 16);
  point.cost = IsEmulatedByKernel(AsCode(code))
                   ? core::ProbeCost::kEmulated
                   : core::ProbeCost::kSingleStepped;
  if (probe.semaphore_address != 0) {
    const auto semaphore = elf.FileOffset(probe.semaphore_address);
    if (!semaphore) return std::nullopt;  // would never fire
    point.semaphore_offset = *semaphore;
  }
  point.argument_register = -1;
  if (argument) {
    point.argument_bytes = argument->bytes;
    if (argument->kind == UsdtArgument::Kind::kRegister) {
      point.argument_register = argument->register_index;
    } else if (argument->kind == UsdtArgument::Kind::kMemory) {
      point.argument_base_register = argument->register_index;
      point.argument_displacement = argument->displacement;
    }
  }
  return point;
}

// gc__start and gc__done, when the file has both.
std::vector<core::ProbePoint> GcUsdtPoints(const ElfFile& elf) {
  std::vector<core::ProbePoint> points;
  bool start = false;
  bool done = false;
  for (const UsdtProbe& probe : ReadUsdtProbes(elf)) {
    if (probe.provider != "python") continue;
    const bool is_start = probe.name == "gc__start";
    if (!is_start && probe.name != "gc__done") continue;
    auto point = PointOfUsdt(
        elf, probe,
        is_start ? core::ProbeKind::kGcStart : core::ProbeKind::kGcDone);
    if (!point) continue;
    (is_start ? start : done) = true;
    points.push_back(*std::move(point));
  }
  if (!start || !done) points.clear();
  return points;
}

// The name that an internal function has in CPython's source.
ElfSymbol Named(std::string_view name, const FunctionBounds& bounds) {
  return {.name = std::string(name),
          .address = bounds.begin,
          .size = bounds.end - bounds.begin,
          .is_function = true};
}

std::string_view CollectorName(const core::PythonVersion& version) {
  return version.minor >= 10 ? "gc_collect_main" : "collect";
}

// By symbol alone, for a file without .eh_frame. The compiler may have changed
// the function's parameters, which it tells in the name.
std::vector<core::ProbePoint> GcSymbolPoints(
    const ElfFile& elf, const CodeIndex& index,
    const core::PythonVersion& version) {
  const std::string base(CollectorName(version));
  const auto symbols = elf.MatchSymtab([&base](std::string_view name) {
    return name == base || (name.substr(0, base.size() + 1) == base + "." &&
                            name.find(".cold") == std::string_view::npos &&
                            name.find(".part") == std::string_view::npos);
  });
  std::vector<core::ProbePoint> points;
  for (const ElfSymbol& symbol : symbols) {
    auto point = PointAt(elf, index, symbol, core::ProbeKind::kGcCollect, 3);
    if (!point) continue;
    // collect(generation, ...) in 3.7, (state, generation, ...) after.
    point->argument_register = symbol.name != base  ? -1
                               : version.minor == 7 ? 0
                                                    : 1;
    point->argument_bytes = -4;
    points.push_back(*std::move(point));
  }
  return points;
}

absl::StatusOr<std::vector<core::ProbePoint>> GcFunctionPoints(
    const ElfFile& elf, const CodeIndex& index,
    const core::PythonVersion& version) {
  if (index.functions().all().empty()) {
    auto points = GcSymbolPoints(elf, index, version);
    if (!points.empty()) return points;
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<InternalFunction> functions,
                            FindCollector(elf, index, version));
  std::vector<core::ProbePoint> points;
  for (const InternalFunction& f : functions) {
    auto point = PointAt(elf, index, Named(CollectorName(version), f.bounds),
                         core::ProbeKind::kGcCollect, 3);
    if (!point) {
      return absl::UnimplementedError(
          "the collector's function is not in the "
          "file's code");
    }
    point->argument_register = f.generation_argument;
    point->argument_bytes = -4;
    points.push_back(*std::move(point));
  }
  return points;
}

void AddGcPoints(const ElfFile& elf, const CodeIndex& index,
                 const core::PythonVersion& version, ProbePoints& result) {
  result.gc_refusal = CollectorRefusal(version);
  if (!result.gc_refusal.empty()) return;
  const auto add = [&result](std::vector<core::ProbePoint> points) {
    std::move(points.begin(), points.end(), std::back_inserter(result.points));
  };
  std::vector<core::ProbePoint> usdt = GcUsdtPoints(elf);
  auto functions = GcFunctionPoints(elf, index, version);
  if (usdt.empty() && !functions.ok()) {
    result.gc_refusal =
        absl::StrCat("no USDT probes gc__start and gc__done, and ",
                     functions.status().message());
  }
  add(std::move(usdt));
  if (functions.ok()) add(*std::move(functions));
}

absl::StatusOr<core::ProbePoint> NewPoolPoint(
    const ElfFile& elf, const CodeIndex& index,
    const core::PythonVersion& version, uint64_t object_malloc) {
  PLIMSOLL_ASSIGN_OR_RETURN(const InternalFunction function,
                            FindNewPool(elf, index, version, object_malloc));
  auto point =
      PointAt(elf, index, Named("allocate_from_new_pool", function.bounds),
              core::ProbeKind::kNewPool, 2);
  if (!point) {
    return absl::UnimplementedError(
        "the function that starts a pool is not in "
        "the file's code");
  }
  point->argument_register = -1;
  return *std::move(point);
}

// All copies and clones of PyType_GenericAlloc pass one of these.
void AddInstanceAllocators(const ElfFile& elf, const CodeIndex& index,
                           std::vector<core::ProbePoint>& points) {
  constexpr auto kKind = core::ProbeKind::kTypeGenericAlloc;
  const InstanceAllocators allocators = FindInstanceAllocators(elf, index);
  std::vector<core::ProbePoint> added;
  for (const InstanceAllocator& a : allocators.found) {
    auto point = PointAt(elf, index, Named("_PyType_AllocNoTrack", a.bounds),
                         kKind, a.takes_items ? 2 : 1);
    if (!point) return;
    point->no_items = !a.takes_items;
    added.push_back(*std::move(point));
  }
  if (!allocators.exported_allocates) {
    std::erase_if(points, [](const auto& p) { return p.kind == kKind; });
  }
  std::move(added.begin(), added.end(), std::back_inserter(points));
}

}  // namespace

ProbePoints FindProbePoints(const ElfFile& elf,
                            const core::PythonVersion& version,
                            uint64_t object_malloc) {
  ProbePoints result;
  const CodeIndex index(elf);
  std::vector<std::string_view> names;
  for (const Allocator& a : kAllocators) names.push_back(a.symbol);
  const auto symbols = elf.FindSymbols(names);
  size_t missing = 0;
  for (const Allocator& a : kAllocators) {
    const auto it = symbols.find(a.symbol);
    auto point = it == symbols.end()
                     ? std::nullopt
                     : PointAt(elf, index, it->second, a.kind, a.arguments);
    if (point) {
      result.points.push_back(*std::move(point));
    } else {
      ++missing;
    }
  }
  AddInstanceAllocators(elf, index, result.points);
  if (missing == kAllocators.size()) {
    result.refusal = "the interpreter exports none of its allocators";
  }
  AddGcPoints(elf, index, version, result);
  auto new_pool = NewPoolPoint(elf, index, version, object_malloc);
  if (new_pool.ok()) {
    result.points.push_back(*std::move(new_pool));
  } else {
    result.new_pool_refusal = std::string(new_pool.status().message());
  }
  return result;
}

}  // namespace plimsoll::python

#include "agent/python/probe_points.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/python/elf_note.h"
#include "agent/python/prologue.h"

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

// Whether code outside [entry, entry + size) jumps into (entry, last]: a split
// cold part may. Every byte is taken for an opcode, so that nothing is missed;
// a chance hit costs only the cheaper address.
bool FarJumpsInto(const ElfFile& elf, uint64_t entry, uint64_t last,
                  uint64_t size) {
  constexpr uint64_t kMostBytes = 64 << 20;
  for (const ElfSegment& s : elf.segments()) {
    if (!s.executable) continue;
    const std::string code =
        elf.ReadAddress(s.address, std::min(s.file_bytes, kMostBytes));
    for (size_t i = 0; i + 5 <= code.size(); ++i) {
      const auto opcode = static_cast<uint8_t>(code[i]);
      // jmp rel32, or the second byte of jcc rel32.
      if (opcode != 0xe9 && (opcode & 0xf0) != 0x80) continue;
      int32_t relative;
      std::memcpy(&relative, code.data() + i + 1, sizeof(relative));
      const uint64_t from = s.address + i;
      const uint64_t target =
          from + 5 + static_cast<uint64_t>(int64_t{relative});
      if (target > entry && target <= last &&
          (from < entry || from >= entry + size)) {
        return true;
      }
    }
  }
  return false;
}

std::optional<core::ProbePoint> PointAt(const ElfFile& elf,
                                        const ElfSymbol& symbol,
                                        core::ProbeKind kind, int arguments) {
  constexpr uint64_t kMostBody = 64 << 10;
  const auto entry = elf.FileOffset(symbol.address);
  const std::string body = elf.ReadAddress(
      symbol.address, std::clamp<uint64_t>(symbol.size, 64, kMostBody));
  if (!entry || body.empty() || !symbol.is_function) return std::nullopt;
  ProbeSite site = ChooseProbeSite(AsCode(body), arguments);
  if (site.offset != 0 &&
      FarJumpsInto(elf, symbol.address, symbol.address + site.offset,
                   body.size())) {
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

// The collector's function: renamed in 3.10, and the compiler may have changed
// its parameters, which it tells in the name.
std::vector<core::ProbePoint> GcFunctionPoints(
    const ElfFile& elf, const core::PythonVersion& version) {
  const std::string base = version.minor >= 10 ? "gc_collect_main" : "collect";
  const auto symbols = elf.MatchSymtab([&base](std::string_view name) {
    return name == base || (name.substr(0, base.size() + 1) == base + "." &&
                            name.find(".cold") == std::string_view::npos &&
                            name.find(".part") == std::string_view::npos);
  });
  std::vector<core::ProbePoint> points;
  for (const ElfSymbol& symbol : symbols) {
    auto point = PointAt(elf, symbol, core::ProbeKind::kGcCollect, 3);
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

}  // namespace

ProbePoints FindProbePoints(const ElfFile& elf,
                            const core::PythonVersion& version) {
  ProbePoints result;
  std::vector<std::string_view> names;
  for (const Allocator& a : kAllocators) names.push_back(a.symbol);
  const auto symbols = elf.FindSymbols(names);
  std::vector<std::string_view> missing;
  for (const Allocator& a : kAllocators) {
    const auto it = symbols.find(a.symbol);
    auto point = it == symbols.end()
                     ? std::nullopt
                     : PointAt(elf, it->second, a.kind, a.arguments);
    if (point) {
      result.points.push_back(*std::move(point));
    } else {
      missing.push_back(a.symbol);
    }
  }
  if (missing.size() == kAllocators.size()) {
    result.refusal = "the interpreter exports none of its allocators";
  }
  std::vector<core::ProbePoint> gc = GcUsdtPoints(elf);
  if (gc.empty()) gc = GcFunctionPoints(elf, version);
  if (gc.empty()) {
    result.gc_refusal =
        "no USDT probes gc__start and gc__done, and no symbol of the "
        "collector's function (stripped)";
  }
  result.points.insert(result.points.end(), gc.begin(), gc.end());
  return result;
}

}  // namespace plimsoll::python

#include "collector/core/incident/verdict.h"

#include <array>
#include <utility>

namespace plimsoll::collector {
namespace {

// Order of the enumerators. The names are those of `plimsoll why`.
constexpr std::array<std::string_view, 12> kNames = {
    "unknown",        "none",   "python-object", "unreachable",
    "lost-reference", "native", "fragmentation", "high-water",
    "warm-up",        "load",   "mixed",         "leak"};

}  // namespace

std::string_view ToString(Verdict verdict) {
  return kNames[static_cast<size_t>(verdict)];
}

std::optional<Verdict> ParseVerdict(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Verdict>(i);
  }
  return std::nullopt;
}

bool MayPage(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPythonObject:
    case Verdict::kUnreachable:
    case Verdict::kLostReference:
    case Verdict::kNative:
    case Verdict::kMixed:
    case Verdict::kLeak:
      return true;
    default:
      return false;
  }
}

bool MayTicket(Verdict verdict) {
  return MayPage(verdict) || verdict == Verdict::kFragmentation ||
         verdict == Verdict::kHighWater;
}

}  // namespace plimsoll::collector

#include "agent/core/tier_name.h"

namespace plimsoll::core {

std::string TierName(Tier tier) {
  switch (tier) {
    case Tier::kMemory:
      return "memory";
    case Tier::kGc:
      return "gc";
    case Tier::kHeaders:
      return "headers";
    case Tier::kCensus:
      return "census";
    case Tier::kStacks:
      return "stacks";
    case Tier::kNative:
      return "native";
    case Tier::kHolders:
      return "holders";
    case Tier::kRequests:
      return "requests";
  }
  return "unknown";
}

}  // namespace plimsoll::core

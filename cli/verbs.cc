#include <array>

#include "cli/verb.h"

namespace plimsoll::cli {

std::span<const Verb> AllVerbs() {
  static const std::array<Verb, 8> verbs = {
      {PsVerb(), TypesVerb(), GrowthVerb(), GcVerb(), StacksVerb(), TopVerb(),
       IncidentsVerb(), WorkloadsVerb()}};
  return verbs;
}

}  // namespace plimsoll::cli

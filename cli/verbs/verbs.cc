#include <array>

#include "cli/verbs/verb.h"

namespace plimsoll::cli {

std::span<const Verb> AllVerbs() {
  static const std::array<Verb, 13> verbs = {
      {PsVerb(), TypesVerb(), GrowthVerb(), MarkVerb(), DiffVerb(), GcVerb(),
       StacksVerb(), TopVerb(), IncidentsVerb(), WorkloadsVerb(), CompareVerb(),
       DrillVerb(), BacktestVerb()}};
  return verbs;
}

}  // namespace plimsoll::cli

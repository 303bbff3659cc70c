// A verb of the command: its words for --help, the options it takes, and what
// it does. One .cc file per verb; verbs.cc lists them.
#ifndef PLIMSOLL_CLI_VERBS_VERB_H_
#define PLIMSOLL_CLI_VERBS_VERB_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "cli/options.h"
#include "cli/session/session.h"

namespace plimsoll::cli {

enum class Flag : uint8_t {
  kPid,        // PID, required
  kAnyPid,     // PID, may be left out
  kFor,        // --for DURATION
  kInterval,   // --interval DURATION
  kTop,        // --top N
  kType,       // --type T
  kCount,      // --count N
  kVerbose,    // --verbose
  kCollector,  // --collector URL
  kAgent,      // --agent URL
  kScanLimit,  // --scan-limit SIZE
  kMark,       // NAME and what else is done with marks
  kMarks,      // FROM [TO]
  kHistory,    // --metrics FILE..., --prometheus URL, --since DURATION
  kRequests,   // --requests METRIC --attributes A,B
  kAll,        // --all
  kSides,      // A B --workload W --attributes K=V
  kMalloc,     // --malloc
  kDrill,      // --rate SIZE --limit SIZE --python PATH
};

struct Verb {
  std::string_view name;
  std::string_view summary;  // one line, in the list of verbs
  std::string_view help;     // what each column means, and an example
  std::vector<Flag> flags;
  std::string_view default_for = "";  // where kFor is taken
  std::string_view for_means = "how long to measure";
  std::string_view default_interval = "";  // "": chosen by the verb
  int32_t default_top = 0;
  absl::Status (*run)(const Options& options, Session& session) = nullptr;
};

// In the order in which --help lists them.
std::span<const Verb> AllVerbs();

// Each is defined in the verb's own file.
Verb PsVerb();
Verb TypesVerb();
Verb GrowthVerb();
Verb MarkVerb();
Verb DiffVerb();
Verb GcVerb();
Verb StacksVerb();
Verb TopVerb();
Verb IncidentsVerb();
Verb WorkloadsVerb();
Verb CompareVerb();
Verb DrillVerb();
Verb BacktestVerb();

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_VERBS_VERB_H_

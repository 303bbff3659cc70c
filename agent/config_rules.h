// What holds between keys of the configuration once all are read.
#ifndef PLIMSOLL_AGENT_CONFIG_RULES_H_
#define PLIMSOLL_AGENT_CONFIG_RULES_H_

#include "absl/status/status.h"
#include "agent/config.h"

namespace plimsoll::agent {

// Finds the API server of "in-cluster", and checks that what is shown to the
// collector goes to it alone. kInvalidArgument names keys and remedy.
absl::Status FinishConfig(const Environment& environment, Config& config);

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_CONFIG_RULES_H_

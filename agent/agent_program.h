// The agent as a program: adapters, threads and signals around Agent. Called
// once, by main.
#ifndef PLIMSOLL_AGENT_AGENT_PROGRAM_H_
#define PLIMSOLL_AGENT_AGENT_PROGRAM_H_

#include <string>

#include "agent/config.h"

namespace plimsoll::agent {

// Runs until SIGTERM or SIGINT. The exit code: 0 ended as asked, 1 failed, 3
// not permitted (the message names what is missing).
int RunAgent(const Config& config, const std::string& version);

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_AGENT_PROGRAM_H_

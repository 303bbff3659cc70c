// plimsoll-agent: one per node. Wires the adapters to the loop and runs it.
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "agent/agent_program.h"
#include "agent/config.h"
#include "agent/self_check_text.h"
#include "agent/self_check_trials.h"

namespace {

constexpr char kUsage[] =
    "plimsoll-agent watches the memory of this node's Python processes.\n"
    "\n"
    "usage: plimsoll-agent [--config FILE] | --check [--json]\n"
    "\n"
    "  --config FILE  YAML; every key is also PLIMSOLL_AGENT_<KEY> in the\n"
    "                 environment, which wins. Without a file: the defaults\n"
    "                 (collector 127.0.0.1:7071, metrics on 127.0.0.1:7072).\n"
    "  --check        tries on this machine what the agent does, and says "
    "tier\n"
    "                 by tier what works, why not, and what to do; --json for\n"
    "                 programs. Ends with 0 when all works, else with 3.\n"
    "  --version      prints the version\n"
    "  --help         prints this\n"
    "\n"
    "example: PLIMSOLL_AGENT_COLLECTOR=10.0.0.5:7071 plimsoll-agent\n";

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitNotPermitted = 3;

int Check(bool json) {
  const plimsoll::agent::SelfCheckFacts facts =
      plimsoll::agent::TryEverything();
  const plimsoll::core::SelfCheck check =
      plimsoll::core::Judge(facts.surroundings, facts.trials);
  const std::string text =
      json ? plimsoll::agent::SelfCheckJson(facts.surroundings, check)
           : plimsoll::agent::RenderSelfCheck(facts.surroundings, check);
  if (std::fputs(text.c_str(), stdout) == EOF || std::fflush(stdout) != 0) {
    return kExitFailed;
  }
  return check.all_work() ? 0 : kExitNotPermitted;
}

}  // namespace

int main(int argc, char** argv) {
  // One arena: the threads of the transport allocate little, and each arena of
  // glibc's would keep its own peak resident.
  ::mallopt(M_ARENA_MAX, 1);
  std::string config_path;
  bool check = false, json = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (argument == "--version") {
      std::printf("plimsoll-agent %s\n", PLIMSOLL_VERSION);
      return 0;
    }
    if (argument == "--check" || argument == "--json") {
      (argument == "--check" ? check : json) = true;
    } else if (argument == "--config" && i + 1 < argc) {
      config_path = argv[++i];
    } else if (argument.rfind("--config=", 0) == 0) {
      config_path = argument.substr(9);
    } else {
      std::fprintf(stderr, "plimsoll-agent: unknown argument \"%s\"\n\n%s",
                   argument.c_str(), kUsage);
      return kExitUsage;
    }
  }
  if (check) return Check(json);
  if (json) {
    std::fprintf(stderr, "plimsoll-agent: --json goes with --check\n");
    return kExitUsage;
  }
  auto config = plimsoll::agent::LoadConfig(
      config_path, [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return std::string(value);
      });
  if (!config.ok()) {
    std::fprintf(stderr, "plimsoll-agent: %s\n",
                 std::string(config.status().message()).c_str());
    return kExitUsage;
  }
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  spdlog::flush_on(spdlog::level::info);
  return plimsoll::agent::RunAgent(*config, PLIMSOLL_VERSION);
}

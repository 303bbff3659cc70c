// Who may include whom. Arrows point at the included; core at the bottom.
//
//   main.cc, agent.cc, cli/   ->  everything of their side
//   adapters                  ->  their own directory, their core, include/
//   core                      ->  itself, include/plimsoll/base, absl, std;
//                                 the collector's in layers, downwards only
//   include/                  ->  itself
//   agent/ and collector/     ->  never each other; they meet in proto/
#ifndef PLIMSOLL_TESTS_ARCH_INCLUDE_RULES_H_
#define PLIMSOLL_TESTS_ARCH_INCLUDE_RULES_H_

#include <string>
#include <string_view>

#include "tests/arch/source_tree.h"

namespace plimsoll::arch {

// Why `path` may not include `include`; empty if it may.
std::string WhyNotAllowed(std::string_view path, const Include& include);

// Why a line of core's code may not stand there; empty if it may.
std::string WhyImpure(std::string_view path, std::string_view line);

}  // namespace plimsoll::arch

#endif  // PLIMSOLL_TESTS_ARCH_INCLUDE_RULES_H_

// Where to probe one interpreter for tiers 1 and 4: the allocators by their
// exported symbols, the collector by its USDT probes or else by symbol. Each at
// the cheapest address (prologue.h). Any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_PROBE_POINTS_H_
#define PLIMSOLL_AGENT_PYTHON_PROBE_POINTS_H_

#include <string>
#include <vector>

#include "agent/core/python_layout.h"
#include "agent/python/elf_file.h"

namespace plimsoll::python {

struct ProbePoints {
  std::vector<core::ProbePoint> points;
  // Why there is none for the allocators; empty when there are.
  std::string refusal;
  // The same for the collector.
  std::string gc_refusal;
};

ProbePoints FindProbePoints(const ElfFile& elf,
                            const core::PythonVersion& version);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_PROBE_POINTS_H_

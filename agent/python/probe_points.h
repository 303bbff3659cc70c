// Where to probe one interpreter for tiers 1 and 4: the allocators by their
// exported symbols, the collector by its USDT probes and by its function, the
// start of a pool by its function (internal_functions.h). Each at the cheapest
// address (prologue.h). Any thread.
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
  // The same for the collector, and for the start of a pool.
  std::string gc_refusal;
  std::string new_pool_refusal;
};

// `object_malloc`: as FindNewPool.
ProbePoints FindProbePoints(const ElfFile& elf,
                            const core::PythonVersion& version,
                            uint64_t object_malloc);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_PROBE_POINTS_H_

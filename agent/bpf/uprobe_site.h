// A place to probe, and the rungs of the attach ladder: how it can be done,
// best first.
#ifndef PLIMSOLL_AGENT_BPF_UPROBE_SITE_H_
#define PLIMSOLL_AGENT_BPF_UPROBE_SITE_H_

#include <cstdint>

namespace plimsoll::bpf {

enum class UprobeRung : uint8_t { kUprobeMulti, kTracefs, kPerf };
// "uprobe_multi", "tracefs", "perf"
const char* UprobeRungName(UprobeRung rung);

struct UprobeSite {
  uint64_t file_offset = 0;
  uint64_t semaphore_offset = 0;  // 0: none
  uint64_t cookie = 0;
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_UPROBE_SITE_H_

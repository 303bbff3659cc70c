// Encodes a core::NodeReport as serialized plimsoll.v1.Batch messages, without
// their seq, which the spool gives. Pure; any thread.
#ifndef PLIMSOLL_AGENT_EXPORT_REPORT_ENCODER_H_
#define PLIMSOLL_AGENT_EXPORT_REPORT_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/report.h"

namespace plimsoll::exporter {

struct EncoderOptions {
  // Types of a census past this many, by bytes, are summed as "other".
  size_t max_types = 500;
  // A batch stays below: gRPC refuses messages over 4 MiB by default.
  size_t max_batch_bytes = 3 << 20;
};

struct EncodedReport {
  std::vector<std::string> batches;  // in order
  // Snapshots that were over the bound alone and lost their stacks or all.
  int64_t too_large = 0;
};

// One batch, or several where one would be over the bound: processes go with
// the first, snapshots are spread.
EncodedReport EncodeReport(const core::NodeReport& report,
                           const EncoderOptions& options);

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_REPORT_ENCODER_H_

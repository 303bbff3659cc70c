// The answer of `plimsoll types`. Pure: a census in, text or JSON out.
#ifndef PLIMSOLL_CLI_REPORT_TYPES_REPORT_H_
#define PLIMSOLL_CLI_REPORT_TYPES_REPORT_H_

#include <cstdint>
#include <string>

#include "agent/core/heap_census.h"
#include "cli/report/document.h"

namespace plimsoll::cli {

struct TypesReport {
  Subject subject;
  core::HeapCensus census;
  int32_t top = 0;  // rows of the table, 0: all; the JSON always has all
  bool quiet = false;
  Notes notes;
};

// "99.98 % of 2,413,326 live blocks examined, ...".
std::string CoverageLine(const core::HeapCensus& census);
// Why a census is not to be believed (core/implausible_heap.h); "": it is.
std::string ImplausibleNote(const core::HeapCensus& census);

std::string RenderTypes(const TypesReport& report, const Style& style);
std::string TypesJson(const TypesReport& report);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_TYPES_REPORT_H_

// Early return on a failed absl::Status. Debian 12's abseil (20220623) has no
// status_macros.h; these keep upstream's spelling.
//
// Example:
//   PLIMSOLL_RETURN_IF_ERROR(writer.Append(record));
//   PLIMSOLL_ASSIGN_OR_RETURN(auto maps, ParseMaps(text));
#ifndef PLIMSOLL_BASE_STATUS_MACROS_H_
#define PLIMSOLL_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define PLIMSOLL_CONCAT_INNER_(a, b) a##b
#define PLIMSOLL_CONCAT_(a, b) PLIMSOLL_CONCAT_INNER_(a, b)

#define PLIMSOLL_RETURN_IF_ERROR(expr)                                  \
  do {                                                                  \
    if (absl::Status plimsoll_status = (expr); !plimsoll_status.ok()) { \
      return plimsoll_status;                                           \
    }                                                                   \
  } while (false)

#define PLIMSOLL_ASSIGN_OR_RETURN(lhs, expr) \
  PLIMSOLL_ASSIGN_OR_RETURN_IMPL_(           \
      PLIMSOLL_CONCAT_(plimsoll_statusor_, __LINE__), lhs, expr)

#define PLIMSOLL_ASSIGN_OR_RETURN_IMPL_(statusor, lhs, expr) \
  auto statusor = (expr);                                    \
  if (!statusor.ok()) return std::move(statusor).status();   \
  lhs = *std::move(statusor)

#endif  // PLIMSOLL_BASE_STATUS_MACROS_H_

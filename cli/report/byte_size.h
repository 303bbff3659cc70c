// Sizes as people write them: "512MiB", "4GiB", "64KiB", "0". A bare number is
// refused, since its unit would be a guess ("0" is not). Pure; any thread.
#ifndef PLIMSOLL_CLI_REPORT_BYTE_SIZE_H_
#define PLIMSOLL_CLI_REPORT_BYTE_SIZE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace plimsoll::cli {

// Bytes, never negative. kInvalidArgument names the text and says how a size is
// written; more than 1024 TiB is refused too.
absl::StatusOr<int64_t> ParseByteSize(std::string_view text);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_BYTE_SIZE_H_

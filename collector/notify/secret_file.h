// Keys and URLs with keys in them come from files, never from the command line
// or an environment that others can read. Read anew at each use, so that a key
// may be changed under a running collector.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_SECRET_FILE_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_SECRET_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace plimsoll::collector::notify {

// The first line without blanks around it. kNotFound, kPermissionDenied,
// kInvalidArgument (empty, over 4 KiB, or bytes that are no text) name the
// file and never its content.
absl::StatusOr<std::string> ReadSecret(const std::string& path);

// Readable by others than its owner and group: worth a warning.
bool IsReadableByAll(const std::string& path);

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_SECRET_FILE_H_

// The directory of saved moments: one file each, written whole or not at all,
// readable by their owner only. Holds the directory open. Main thread only;
// other programs may write to the same directory meanwhile.
//
// Errors: kFailedPrecondition the directory may not be written to; kDataLoss a
// file that is no mark; kResourceExhausted too many or too large, with the
// remedy; kUnavailable the rest. Never kNotFound: that is said of processes.
#ifndef PLIMSOLL_CLI_PROCESS_MARK_STORE_H_
#define PLIMSOLL_CLI_PROCESS_MARK_STORE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/report/mark_text.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::cli {

inline constexpr size_t kMaxMarks = 1000;

struct StoredMark {
  MarkFile file;  // of the boot_id, the first eight digits
  double taken_unix_s = 0;
  int64_t bytes = 0;
};

// --dir, else $XDG_STATE_HOME/plimsoll/marks, else for root
// /var/lib/plimsoll/marks, else ~/.local/state/plimsoll/marks.
std::string MarksDir(const std::string& given);

class MarkStore {
 public:
  // kOutOfRange: there is no such directory, thus no mark.
  static absl::StatusOr<MarkStore> Open(const std::string& directory);
  // Makes it, and those above it, where there is none.
  static absl::StatusOr<MarkStore> Make(const std::string& directory);

  // Replaces a mark of the same process and name.
  absl::Status Write(const Mark& mark);
  // kOutOfRange: there is none.
  absl::StatusOr<Mark> Read(const MarkedProcess& process,
                            const std::string& name) const;
  // By pid, start and time. Files that are no marks are left out.
  absl::StatusOr<std::vector<StoredMark>> List() const;
  // kOutOfRange: there is none.
  absl::Status Remove(const MarkedProcess& process, const std::string& name);
  // What a writer left that was killed while it wrote.
  absl::Status RemoveLeftovers();

 private:
  absl::StatusOr<std::vector<std::string>> FileNames() const;
  MarkStore(std::string path, UniqueFd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::string path_;
  UniqueFd directory_;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_MARK_STORE_H_

// A moment of a process that a person named, as `plimsoll mark` saves it: who
// the process is, its memory, its live objects by type. The text of a file is
// one JSON object; it is read back as foreign bytes, since anyone may have
// written to the directory. Pure; any thread.
#ifndef PLIMSOLL_CLI_REPORT_MARK_TEXT_H_
#define PLIMSOLL_CLI_REPORT_MARK_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/report/growth_report.h"

namespace plimsoll::cli {

// One process until it ends: its pid may be given away, its start time with it
// is not, in one boot of the machine.
struct MarkedProcess {
  int32_t pid = 0;
  uint64_t start_ticks = 0;
  std::string boot_id;
  friend bool operator==(const MarkedProcess&, const MarkedProcess&) = default;
};

struct Mark {
  std::string name;
  MarkedProcess process;
  // Drawn anew by exec (procfs::ProcStat): another program in the same process
  // is not compared with the one before.
  uint64_t start_code = 0;
  uint64_t start_stack = 0;
  std::string python;    // "3.11.2"
  std::string workload;  // "" when not known
  double start_unix_s = 0;
  double taken_unix_s = 0;
  Look look;  // of the census: types, other_types, coverage.sampled
};

inline constexpr size_t kMaxMarkBytes = 8 << 20;
inline constexpr size_t kMaxMarkedTypes = 20000;

// Letters, digits, ".", "_" and "-", 1 to 64 of them, not "." or "-" first.
bool IsMarkName(std::string_view name);

// "4711-123456-5f0c1d2e-NAME.mark": pid, start, the first eight digits of the
// boot's id. The other way round the boot_id is those eight digits; nothing
// when the text is not such a name.
std::string MarkFileName(const MarkedProcess& process, std::string_view name);
struct MarkFile {
  MarkedProcess process;
  std::string name;
};
std::optional<MarkFile> ParseMarkFileName(std::string_view file_name);

std::string MarkText(const Mark& mark);
// kDataLoss: not what MarkText writes, with the part that is wrong.
absl::StatusOr<Mark> ParseMark(std::string_view text);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_MARK_TEXT_H_

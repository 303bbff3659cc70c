// Where `plimsoll backtest` has its history from: files of metrics text, or a
// Prometheus that is asked. Main thread; blocks.
#ifndef PLIMSOLL_CLI_VERBS_HISTORY_H_
#define PLIMSOLL_CLI_VERBS_HISTORY_H_

#include <string>

#include "absl/status/status.h"
#include "cli/options.h"
#include "cli/report/document.h"
#include "cli/session/progress.h"
#include "cli/session/session.h"
#include "collector/core/backtest/recording.h"

namespace plimsoll::cli {

// Reads all files into the recording; "-" is stdin. Lines that cannot be read
// are named in `notes`. kNotFound when a file cannot be opened.
absl::Status ReadMetricsFiles(const Options& options, Session& session,
                              Progress& progress,
                              collector::Recording& recording, Notes& notes);

// Asks for the raw samples of each metric that is understood, from `now` back,
// in pieces that grow or shrink with the size of their answers.
absl::Status ReadPrometheus(const Options& options, Session& session,
                            Progress& progress,
                            collector::Recording& recording);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_VERBS_HISTORY_H_

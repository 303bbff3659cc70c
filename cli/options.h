// What the command line asked for, as values. Filled by command_line.cc.
#ifndef PLIMSOLL_CLI_OPTIONS_H_
#define PLIMSOLL_CLI_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::cli {

struct Options {
  std::string verb;
  bool json = false;
  bool quiet = false;
  bool verbose = false;

  int32_t pid = 0;
  int64_t for_ns = 0;
  int64_t interval_ns = 0;  // 0: chosen by the verb
  int32_t top = 0;          // rows; 0: all
  int64_t count = 0;        // refreshes; 0: until interrupted
  std::string type;
  bool malloc = false;           // the C library's allocator, of stacks
  int64_t scan_limit_bytes = 0;  // of a heap; 0: all is read
  std::string mark;              // a saved moment
  std::string to_mark;           // "": now
  std::string marks_dir;         // "": the default one
  bool list = false;
  bool remove = false;
  bool prune = false;
  std::string collector_url;
  std::string token_file;  // what the collector is shown; "": nothing
  bool all = false;        // those that are over, too

  // Of compare.
  std::string side_a, side_b;
  std::string workload;

  // Of drill.
  int64_t rate_bytes_per_min = 0;
  int64_t limit_bytes = 0;  // 0: none
  std::string python;
  std::string agent_url;

  // Of backtest.
  std::vector<std::string> metrics_files;
  std::string prometheus_url;
  int64_t since_ns = 0;
  std::string requests_metric;
  std::vector<std::string> attributes;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_OPTIONS_H_

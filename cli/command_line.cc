#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/report/byte_size.h"
#include "cli/report/duration.h"

namespace plimsoll::cli {
namespace {

constexpr char kAbout[] =
    "See what grows in the memory of Python processes, and which code makes "
    "it.\nNothing is injected into a process and none is stopped. Run it as "
    "root: processes\nof others cannot be read else. Begin with \"plimsoll "
    "ps\", then \"plimsoll growth PID\"\nand \"plimsoll stacks PID\".";
constexpr char kExitCodes[] =
    "Exit codes: 0 done; 1 it failed; 2 usage; 3 not permitted or not "
    "supported here;\n4 no such process; 5 not a Python that can be read.\n"
    "plimsoll VERB --help says more about a verb.";

constexpr int kLastPid = 4194304;  // PID_MAX_LIMIT of 64-bit kernels
constexpr char kAgentUrl[] = "http://127.0.0.1:7072";
constexpr int64_t kScanLimitBytes = int64_t{4} << 30;
constexpr int64_t kDrillRateBytes = int64_t{15} << 20;
constexpr int64_t kDrillLimitBytes = int64_t{256} << 20;

// Edit distance, for "did you mean".
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

absl::Status UnknownVerb(std::span<const Verb> verbs, const std::string& name) {
  const auto nearest = std::min_element(
      verbs.begin(), verbs.end(), [&name](const Verb& a, const Verb& b) {
        return Distance(a.name, name) < Distance(b.name, name);
      });
  std::string message = absl::StrCat("unknown verb \"", name, "\"");
  if (nearest != verbs.end() && Distance(nearest->name, name) <= 2) {
    absl::StrAppend(&message, "; did you mean \"", std::string(nearest->name),
                    "\"?");
  } else {
    absl::StrAppend(&message, "; \"plimsoll --help\" lists the verbs");
  }
  return absl::InvalidArgumentError(message);
}

// Durations are parsed by our own rules, as CLI11's would accept "60".
CLI::Option* AddDuration(CLI::App& app, const char* name, int64_t& target_ns,
                         const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [&target_ns](const std::string& text) {
            auto parsed = ParseDuration(text);
            if (!parsed.ok()) {
              throw CLI::ValidationError(
                  std::string(parsed.status().message()));
            }
            target_ns = *parsed;
          },
          help)
      ->type_name("DURATION");
}

CLI::Option* AddSize(CLI::App& app, const char* name, int64_t& target_bytes,
                     const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [&target_bytes](const std::string& text) {
            auto parsed = ParseByteSize(text);
            if (!parsed.ok()) {
              throw CLI::ValidationError(
                  std::string(parsed.status().message()));
            }
            target_bytes = *parsed;
          },
          help)
      ->type_name("SIZE");
}

void AddScanLimit(CLI::App& app, int64_t& target_bytes) {
  AddSize(app, "--scan-limit", target_bytes,
          "of a heap larger than this a random sample is read, and counts get "
          "an interval; 0 reads all [4GiB]");
}

void AddSides(CLI::App& app, Options& options) {
  app.add_option("A", options.side_a,
                 "a region, a version or a time (now, 2h, unix seconds)")
      ->required()
      ->type_name("");
  app.add_option("B", options.side_b, "the other")->required()->type_name("");
  app.add_option("--workload", options.workload,
                 "cluster/namespace/kind/name, or the name alone")
      ->required()
      ->type_name("W");
  app.add_option("--attributes", options.attributes,
                 "count only such requests, k=v,k=v [those that the open "
                 "incident blames]")
      ->type_name("K=V");
}

void AddDrill(CLI::App& app, Options& options) {
  AddSize(app, "--rate", options.rate_bytes_per_min,
          "how much it keeps a minute [15MiB]");
  AddSize(app, "--limit", options.limit_bytes,
          "of the memory cgroup that it is given; 0: none [256MiB]");
  app.add_option("--python", options.python,
                 "the interpreter that is to leak [python3]")
      ->type_name("PATH");
}

void AddMarksDir(CLI::App& app, Options& options) {
  app.add_option("--dir", options.marks_dir,
                 "where marks are kept [$XDG_STATE_HOME/plimsoll/marks, else "
                 "/var/lib/plimsoll/marks for root]")
      ->type_name("DIR");
}

void AddMark(CLI::App& app, Options& options) {
  app.add_option("NAME", options.mark, "what to call this moment")
      ->type_name("");
  app.add_flag("--list", options.list, "show the marks, of PID or all");
  app.add_flag("--remove", options.remove, "remove the mark NAME of PID");
  app.add_flag("--prune", options.prune,
               "remove the marks of processes that have ended");
  AddMarksDir(app, options);
}

void AddMarks(CLI::App& app, Options& options) {
  app.add_option("FROM", options.mark, "a mark of the process")
      ->required()
      ->type_name("");
  app.add_option("TO", options.to_mark, "a later one [now]")->type_name("");
  AddMarksDir(app, options);
}

CLI::Option* AddPid(CLI::App& app, Options& options) {
  return app.add_option("PID", options.pid, "the process, as ps shows it")
      ->check(CLI::Range(1, kLastPid).description(""))
      ->type_name("");
}

CLI::Validator NonNegative() {
  return CLI::Validator(CLI::NonNegativeNumber).description("");
}

void AddHistory(CLI::App& app, Options& options) {
  CLI::Option* files =
      app.add_option("--metrics", options.metrics_files,
                     "OpenMetrics text with timestamps; - is stdin")
          ->type_name("FILE");
  app.add_option("--prometheus", options.prometheus_url,
                 "ask this Prometheus instead")
      ->type_name("URL")
      ->excludes(files);
  AddDuration(app, "--since", options.since_ns,
              "how far back to ask a Prometheus [14d]");
}

void AddRequests(CLI::App& app, Options& options) {
  app.add_option("--requests", options.requests_metric,
                 "a counter of requests, such as http_requests_total")
      ->type_name("METRIC");
  app.add_option("--attributes", options.attributes,
                 "labels of that counter to blame, such as city,outcome")
      ->delimiter(',')
      ->type_name("LABELS");
}

void AddCollector(CLI::App& app, Options& options) {
  app.add_option("--collector", options.collector_url,
                 absl::StrCat("the collector's address, else PLIMSOLL_URL [",
                              options.collector_url, "]"))
      ->type_name("URL");
  app.add_option("--token-file", options.token_file,
                 "a file with the token that the collector wants")
      ->envname("PLIMSOLL_TOKEN_FILE")
      ->type_name("FILE");
}

void AddCount(CLI::App& app, Options& options) {
  app.add_option("--count", options.count,
                 "refreshes before it ends; 0 goes on until Ctrl-C [0]")
      ->check(NonNegative())
      ->type_name("N");
}

void AddType(CLI::App& app, Options& options) {
  app.add_option("--type", options.type,
                 "only this type, written module.QualName")
      ->type_name("TYPE");
}

void AddAgent(CLI::App& app, Options& options) {
  app.add_option("--agent", options.agent_url,
                 absl::StrCat("the agent of this node [", kAgentUrl, "]"))
      ->type_name("URL");
}

void AddInterval(CLI::App& app, const Verb& verb, Options& options) {
  AddDuration(app, "--interval", options.interval_ns,
              verb.default_interval.empty()
                  ? "time between two looks [chosen from --for]"
                  : absl::StrCat("time between two looks [",
                                 std::string(verb.default_interval), "]"));
}

void AddTop(CLI::App& app, const Verb& verb, Options& options) {
  app.add_option(
         "--top", options.top,
         absl::StrCat("rows to show; 0 shows all [", verb.default_top, "]"))
      ->check(NonNegative())
      ->type_name("N");
}

void AddFlag(CLI::App& app, const Verb& verb, Flag flag, Options& options) {
  switch (flag) {
    case Flag::kPid:
      AddPid(app, options)->required();
      return;
    case Flag::kFor:
      AddDuration(
          app, "--for", options.for_ns,
          absl::StrCat(std::string(verb.for_means), ", such as 60s or 10m [",
                       std::string(verb.default_for), "]"));
      return;
    case Flag::kInterval:
      return AddInterval(app, verb, options);
    case Flag::kTop:
      return AddTop(app, verb, options);
    case Flag::kType:
      return AddType(app, options);
    case Flag::kCount:
      return AddCount(app, options);
    case Flag::kVerbose:
      app.add_flag("--verbose", options.verbose,
                   "also show how each figure was checked");
      return;
    case Flag::kCollector:
      return AddCollector(app, options);
    case Flag::kHistory:
      return AddHistory(app, options);
    case Flag::kRequests:
      return AddRequests(app, options);
    case Flag::kAnyPid:
      AddPid(app, options);
      return;
    case Flag::kAgent:
      return AddAgent(app, options);
    case Flag::kScanLimit:
      return AddScanLimit(app, options.scan_limit_bytes);
    case Flag::kAll:
      app.add_flag("--all", options.all, "those that are long over, too");
      return;
    case Flag::kSides:
      return AddSides(app, options);
    case Flag::kMalloc:
      app.add_flag("--malloc", options.malloc,
                   "windows on malloc and free of its C library instead");
      return;
    case Flag::kDrill:
      return AddDrill(app, options);
    case Flag::kMark:
      return AddMark(app, options);
    case Flag::kMarks:
      return AddMarks(app, options);
  }
}

void AddVerb(CLI::App& app, const Verb& verb, Options& options) {
  CLI::App* sub =
      app.add_subcommand(std::string(verb.name), std::string(verb.summary));
  sub->footer(std::string(verb.help));
  for (const Flag flag : verb.flags) AddFlag(*sub, verb, flag, options);
  sub->add_flag("--json", options.json, "one JSON document instead of a table");
  sub->add_flag("--quiet", options.quiet, "no progress and no heading");
}

void SetDefaults(const Verb& verb, Options& options) {
  options.verb = std::string(verb.name);
  options.top = verb.default_top;
  options.scan_limit_bytes = kScanLimitBytes;
  options.agent_url = kAgentUrl;
  options.rate_bytes_per_min = kDrillRateBytes;
  options.limit_bytes = kDrillLimitBytes;
  options.python = "python3";
  if (auto parsed = ParseDuration(verb.default_for); parsed.ok()) {
    options.for_ns = *parsed;
  }
  if (auto parsed = ParseDuration(verb.default_interval); parsed.ok()) {
    options.interval_ns = *parsed;
  }
}

// "help types" is "types --help".
std::vector<std::string> WithoutHelpAsVerb(
    const std::vector<std::string>& given) {
  if (given[0] != "help") return given;
  if (given.size() == 1) return {"--help"};
  return {given[1], "--help"};
}

const Verb* FindVerb(std::span<const Verb> verbs, const std::string& name) {
  const auto found =
      std::find_if(verbs.begin(), verbs.end(),
                   [&name](const Verb& verb) { return verb.name == name; });
  return found == verbs.end() ? nullptr : &*found;
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(
    std::span<const Verb> verbs, const std::vector<std::string>& arguments,
    const std::string& default_url) {
  if (arguments.empty()) {
    return absl::InvalidArgumentError(
        "which verb? \"plimsoll ps\" shows the Python processes of this node; "
        "\"plimsoll --help\" lists all");
  }
  const std::vector<std::string> words = WithoutHelpAsVerb(arguments);
  CommandLine out;
  out.options.collector_url = default_url;
  const bool starts_with_verb = !words[0].empty() && words[0][0] != '-';
  if (starts_with_verb) {
    out.verb = FindVerb(verbs, words[0]);
    if (out.verb == nullptr) return UnknownVerb(verbs, words[0]);
    SetDefaults(*out.verb, out.options);
  }
  CLI::App app(kAbout, "plimsoll");
  app.footer(kExitCodes);
  app.set_version_flag("--version", "plimsoll " PLIMSOLL_VERSION);
  app.require_subcommand(1);
  for (const Verb& verb : verbs) AddVerb(app, verb, out.options);
  try {
    // CLI11 takes the arguments from the back.
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForVersion&) {
    out.help = "plimsoll " PLIMSOLL_VERSION "\n";
    out.verb = nullptr;
  } catch (const CLI::CallForHelp&) {
    const auto parsed = app.get_subcommands();
    out.help = parsed.empty() ? app.help() : parsed[0]->help("plimsoll");
    out.verb = nullptr;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        error.what(), "; \"plimsoll ", starts_with_verb ? words[0] + " " : "",
        "--help\" says more"));
  }
  return out;
}

}  // namespace plimsoll::cli

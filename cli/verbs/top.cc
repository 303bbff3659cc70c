// plimsoll top: a live view of the node's Python processes.
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/process/discovery.h"
#include "cli/report/duration.h"
#include "cli/report/text.h"
#include "cli/report/top_report.h"
#include "cli/session/http_client.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kShortestIntervalNs = 200000000;
constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l";  // alternate, no cursor
constexpr char kLeave[] = "\x1b[?25h\x1b[?1049l";
constexpr char kHome[] = "\x1b[H\x1b[J";

// The alternate screen with single keys; gives the terminal back as it was
// when it ends, however that comes about.
class LiveScreen {
 public:
  LiveScreen() {
    keys_ = ::tcgetattr(STDIN_FILENO, &saved_) == 0;
    if (keys_) {
      termios single = saved_;
      single.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
      ::tcsetattr(STDIN_FILENO, TCSANOW, &single);
    }
    WriteOut(kEnter);
  }
  ~LiveScreen() {
    WriteOut(kLeave);
    if (keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
  }
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;

  int key_fd() const { return keys_ ? STDIN_FILENO : -1; }
  // Whether q was pressed; takes what was typed. End of input counts as q.
  bool Quits() const {
    char key = 0;
    return ::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q';
  }

 private:
  termios saved_{};
  bool keys_ = false;
};

std::string Frame(const TopReport& report, int64_t interval_ns,
                  const Terminal& terminal) {
  const std::string heading =
      absl::StrCat(report.rows.size(),
                   " Python processes; GROWTH is anonymous memory over "
                   "the last minute; every ",
                   FormatDuration(interval_ns), "; q ends");
  return kHome + Elide(heading, terminal.width) + "\n" +
         RenderTop(report, terminal.style(), terminal.height);
}

// False when it is to end.
bool Wait(int64_t deadline_ns, Session& session,
          const std::optional<LiveScreen>& screen) {
  const int fd = screen.has_value() ? screen->key_fd() : -1;
  while (BoottimeNs() < deadline_ns) {
    if (!session.interrupt.SleepUntilOrReadable(deadline_ns, fd)) return false;
    pollfd key = {fd, POLLIN, 0};
    if (fd >= 0 && ::poll(&key, 1, 0) > 0 && screen->Quits()) return false;
  }
  return !session.interrupt.Requested();
}

// Nothing where no agent answers: top works without one.
std::optional<GovernorView> AskGovernor(const Options& options) {
  const auto metrics = HttpGet(options.agent_url, "/metrics",
                               {.who = "the agent", .remedy = ""});
  return metrics.ok() ? ParseGovernor(*metrics) : std::nullopt;
}

absl::Status RunTop(const Options& options, Session& session) {
  PLIMSOLL_ASSIGN_OR_RETURN(Discovery discovery, Discovery::Make());
  const int64_t interval_ns =
      std::max(options.interval_ns, kShortestIntervalNs);
  TopHistory history;
  std::optional<LiveScreen> screen;
  if (session.terminal.stdout_is_terminal && !options.json) screen.emplace();
  for (int64_t refresh = 1;; ++refresh) {
    const int64_t began_ns = BoottimeNs();
    PLIMSOLL_ASSIGN_OR_RETURN(auto processes, discovery.Scan());
    TopReport report;
    report.time_unix_s = static_cast<double>(UnixNs()) / 1e9;
    report.rows = history.Add(began_ns, std::move(processes));
    report.governor = AskGovernor(options);
    if (screen.has_value()) session.terminal = Terminal::Detect();  // resized
    PLIMSOLL_RETURN_IF_ERROR(session.Print(
        options.json ? TopJson(report)
        : screen     ? Frame(report, interval_ns, session.terminal)
                     : RenderTop(report, session.terminal.style(), 0)));
    if (options.count > 0 && refresh >= options.count) break;
    if (!Wait(began_ns + interval_ns, session, screen)) break;
  }
  return absl::OkStatus();
}

}  // namespace

Verb TopVerb() {
  return {
      .name = "top",
      .summary = "live view of this node, the fastest growing first",
      .help =
          "  GROWTH        change of anonymous memory over the last minute at "
          "most\n"
          "  ANON, RSS     anonymous and resident memory\n"
          "  LIMIT         the memory limit that would kill it\n"
          "  AT THIS PACE  time until RSS meets the limit, by that minute "
          "alone\n\n"
          "Where this node's agent answers, the last line says what its "
          "governor granted to\nprobes, refused and revoked, and what is left "
          "of the budget of the process that\nhas least (0.5 % of a core for "
          "those always on, 2 % for windows and watches).\n\n"
          "q or Ctrl-C ends it. With --json one document per refresh.\n\n"
          "Example:  plimsoll top --interval 5s",
      .flags = {Flag::kInterval, Flag::kCount, Flag::kAgent},
      .default_interval = "2s",
      .run = &RunTop};
}

}  // namespace plimsoll::cli

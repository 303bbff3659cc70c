#include "cli/session/progress.h"

#include <cstdio>

#include "cli/report/text.h"
#include "cli/session/interrupt.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kQuietStartNs = 1000000000;
constexpr int64_t kPlainPeriodNs = 10 * kQuietStartNs;
constexpr int kLineWidth = 79;

}  // namespace

void Progress::Show(const std::string& text) {
  if (quiet_) return;
  const int64_t now_ns = BoottimeNs();
  if (first_ns_ == 0) first_ns_ = now_ns;
  if (now_ns - first_ns_ < kQuietStartNs) return;
  const std::string line = Harmless(text);
  if (terminal_.stderr_is_terminal) {
    std::fprintf(stderr, "\r\x1b[K%s", Elide(line, kLineWidth).c_str());
    on_screen_ = true;
  } else if (shown_ns_ == 0 || now_ns - shown_ns_ >= kPlainPeriodNs) {
    std::fprintf(stderr, "%s\n", line.c_str());
    shown_ns_ = now_ns;
  }
  std::fflush(stderr);
}

void Progress::Clear() {
  if (!on_screen_) return;
  std::fprintf(stderr, "\r\x1b[K");
  std::fflush(stderr);
  on_screen_ = false;
}

}  // namespace plimsoll::cli

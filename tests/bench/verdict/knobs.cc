#include "tests/bench/verdict/knobs.h"

#include <cstdlib>

namespace plimsoll::bench {
namespace {

using collector::JudgementThresholds;

struct Knob {
  const char* name;
  double JudgementThresholds::*value;
};
constexpr Knob kKnobs[] = {
    {"min_z", &JudgementThresholds::min_z},
    {"min_last_third", &JudgementThresholds::min_last_third},
    {"min_least_third", &JudgementThresholds::min_least_third},
    {"min_slow_third", &JudgementThresholds::min_slow_third},
    {"slow_window_s", &JudgementThresholds::slow_window_s},
    {"slow_s", &JudgementThresholds::slow_s},
    {"watch_of_time_left", &JudgementThresholds::watch_of_time_left},
    {"watch_s", &JudgementThresholds::watch_s},
    {"max_step_share", &JudgementThresholds::max_step_share},
    {"min_late_over_early", &JudgementThresholds::min_late_over_early},
    {"bend_age_s", &JudgementThresholds::bend_age_s},
    {"fill_age_s", &JudgementThresholds::fill_age_s},
    {"fill_share_of_headroom", &JudgementThresholds::fill_share_of_headroom},
    {"clock_watch_s", &JudgementThresholds::clock_watch_s},
    {"past_peak_margin", &JudgementThresholds::past_peak_margin},
    {"min_pooled_z", &JudgementThresholds::min_pooled_z},
    {"least_in_use", &JudgementThresholds::least_in_use},
    {"max_load_share", &JudgementThresholds::max_load_share},
    {"type_floor_per_h", &JudgementThresholds::type_floor_per_h},
    {"interval_inflation", &JudgementThresholds::interval_inflation},
    {"least_gained_bytes", &JudgementThresholds::least_gained_bytes},
    {"false_discovery_rate", &JudgementThresholds::false_discovery_rate}};

}  // namespace

bool SetKnob(const std::string& text, JudgementThresholds& thresholds) {
  const size_t equals = text.find('=');
  for (const Knob& knob : kKnobs) {
    if (equals == std::string::npos || text.substr(0, equals) != knob.name) {
      continue;
    }
    thresholds.*knob.value = std::atof(text.c_str() + equals + 1);
    return true;
  }
  return false;
}

}  // namespace plimsoll::bench

// Every threshold of the analysis, with the reason beside it. Times in seconds,
// shares in [0, 1].
#ifndef PLIMSOLL_COLLECTOR_CORE_THRESHOLDS_H_
#define PLIMSOLL_COLLECTOR_CORE_THRESHOLDS_H_

namespace plimsoll::collector {

// The imminent rule: a look at each snapshot, O(1).
struct ImminentThresholds {
  // A page must leave time to act and must not need a day of history.
  double horizon_s = 3600;
  // Less than a tenth of the limit is the noise of a service's own life.
  double min_gain_of_limit = 0.10;
  // A suspicion begins at this share of it, so that evidence is there and the
  // growth confirmed when the rest has been gained.
  double suspect_gain = 0.75;
  // Imports and the first requests fill memory fast; they are over by then.
  double settle_age_s = 20;
  // Two minutes of looks are the least in which a slope of Poisson arrivals
  // has an interval worth naming.
  double min_watch_s = 120;
  // A suspicion must stand this long. It spans a census period (30 s), so that
  // the confirming look has a census of its own; evidence is fetched meanwhile.
  double confirm_s = 40;
  // Caches fill in the first minutes of a life: no page before this age unless
  // the limit is nearer than urgent_s.
  double min_age_s = 200;
  double urgent_s = 120;
  // What has been seen of late against the whole watch: a filled cache falls
  // under it within a census or two.
  double late_window_s = 60;
  double min_late_slope = 0.5;
  // Bending down: the slope of the increments over time, as a t value. A leak
  // by Poisson requests is under -2.2 in 2-3 % of looks; a cache that fills
  // exponentially is there at once.
  double bend_t = -2.2;
  // Objects of one type: fewest censuses, and the share of consecutive ones
  // that must rise (all of the last three in any case).
  int min_censuses = 4;
  double min_rising_share = 0.75;
  // A type matters when it explains this share of the growth in count-rank.
  double min_type_gain = 0.05;  // of its own count at first
  // Of the growth, as a type: a little of it rises beside any Python leak.
  double min_native_share = 0.5;
  // Of one rise, before native memory alone pages: most fills are over by then.
  double native_watch_s = 360;
  // A fall by this share of what was gained is a reset: the watch starts anew,
  // and growth counts only past the highest level seen before it.
  double reset_share = 0.25;
  double past_max_margin = 0.02;  // of the limit
  // Requests in flight rise and fall by less than this.
  double min_fall_of_limit = 0.04;
  // The watch is at least this share of the time that is left: waiting is
  // free while the limit is far, and most caches have filled by then.
  double watch_of_time_left = 0.15;
  // Rate of requests, last third over middle third: memory that follows load
  // is not a leak. Held back until the rate is steady.
  double max_load_ratio = 1.15;
  // Bounds of the state, not of the statistics.
  int max_samples = 48;
  int max_types = 32;
  int max_censuses = 16;
};

// The full judgement: leak-analysis 2.3, every five minutes.
struct JudgementThresholds {
  double every_s = 300;
  // Hamed-Rao Kendall: 2.6 is 0.5 % one-sided, before it has to stand.
  double min_z = 2.6;
  // Of the long window's slope: the last third, the slowest third.
  double min_last_third = 0.5;
  double min_least_third = 0.2;
  // Second half over first half: under it growth bends down. An exponential
  // fill of time constant T is at exp(-window / 2T).
  double min_late_over_early = 0.65;
  double bend_age_s = 12 * 3600;
  // Of the slope that goes with the largest jump alone.
  double max_step_share = 0.5;
  // Of the limit, past what was survived before.
  double past_peak_margin = 0.01;
  // Caches fill for six hours at the most, and mostly to less than half of the
  // room that there is (leak-analysis 2.3b: a cache that fills for six hours).
  double fill_age_s = 6 * 3600;
  double fill_share_of_headroom = 0.5;
  // Growth of what does not go with age (load, memory that is given back) ends
  // within a day: half of one is all that rises, and a half more is to be sure.
  double clock_watch_s = 18 * 3600;
  // Of the slope: what may be load that rises meanwhile.
  double max_load_share = 0.5;
  // All pods of a workload together: this share of the time that is left.
  double watch_of_time_left = 0.6;
  double watch_s = 6 * 3600;
  // Growth whose limit is further off: each third of the window at this pace.
  double slow_s = 2 * 86400;
  double min_slow_third = 0.5;
  double slow_window_s = 4 * 3600;
  // Pods of a workload that each grow too little to be sure: together.
  double min_pooled_z = 3;
  double min_pooled_share = 0.6;  // of those that are alive
  // False discovery rate over all processes of a tick (Benjamini-Hochberg).
  double false_discovery_rate = 0.05;
  // Effect floors per hour, as shares of the limit: measured to take false
  // alarms of two windows in a row to 0 of 609 machine-days at .4 %.
  double ticket_floor_per_h = 0.001;
  double page_floor_per_h = 0.004;
  // The same for the bytes of one type, which is a part of what leaks: objects
  // own others.
  double type_floor_per_h = 0.001;
  // Gained in the window: CPython's arenas are a MiB each, and what of the
  // first of them is touched wanders by as much in a program that is flat.
  double least_gained_bytes = 1 << 20;
  // Where there is no limit: the same shares of this many bytes.
  double assumed_limit_bytes = 4.0 * (1 << 30);
  // Of the interval's half width: measured coverage of the plain one is short.
  double interval_inflation = 1.4;
  // Page: the limit is met within, by the interval's near end of the slope.
  double page_1h_s = 4 * 3600;
  double page_3h_s = 12 * 3600;
  double page_6h_s = 24 * 3600;
  // A slow leak is a ticket all the same: it is as much of a defect.
  double ticket_s = 30 * 86400;
  // Of anonymous growth: where the bytes in use have less of it, it is what
  // allocators keep (leak-analysis 2.5: less than .3; between them nobody has
  // most of it, and the bytes in use are judged by themselves).
  double least_in_use = 0.5;
  // What allocators keep is no leak, and said where it is at this share of the
  // limit: what kills there is not asked what it was.
  double kept_from_share_of_limit = 0.9;
  // What has stood goes on standing through this long without growth.
  double hold_s = 3600;
};

struct CauseThresholds {
  double one_cause = 0.7;  // of anonymous growth: named alone
  // Where a type's objects rise steadily they are the cause from half on: the
  // rest is often theirs too (stacks of threads, buffers outside pymalloc).
  double python_majority = 0.5;
};

struct IncidentThresholds {
  // Evidence takes a command, a window and a batch; past it the page goes out
  // and says "not known yet".
  double evidence_wait_s = 45;
  // The length of the window that is asked for.
  double evidence_window_s = 2;
  double evidence_repeat_s = 300;
  double evidence_again_s = 60;   // where it was of another type
  double evidence_sure_s = 3600;  // so long after its opening
  // How often a firing incident's text is made anew.
  double refresh_s = 30;
  // Resolved after the rule has been silent, or the processes gone, this long.
  double quiet_s = 600;
  double gone_s = 90;
  // A leak that comes back within this is the same incident.
  double reopen_s = 1800;
  // The same for what the full judgement found: its windows are hours, and
  // those of a workload whose pods live two hours come and go.
  double judged_quiet_s = 3600;
  double judged_reopen_s = 6 * 3600;
  double keep_resolved_s = 86400;
};

struct TrafficThresholds {
  // A column must stand for this share of all requests, and so many of them.
  double min_request_share = 0.0005;
  double min_requests = 5;
  int min_looks = 12;            // increments past the free parameters
  double min_bic_gain = 10;      // leak-analysis 3.3, step 7
  double further_bic_gain = 8;   // of the second cause and the third
  double min_leak_share = 0.10;  // step 4
  // Twice the log likelihood by which a rival must be worse: 1 in 20.
  double rival_margin = 6;
  double group_vif = 30;  // from here on a group is named: 3.4
  // Of the shifts in time, those after which it may look as good: 3.4.
  double max_placebo = 0.05;
  // More than this not explained: no attribute is blamed (3.4).
  double max_unexplained = 0.8;
  // Groups are compared where each served so many requests that leak: from here
  // on the interval of the ratio holds (docs/measurement/traffic.md).
  double min_compared_requests = 5;
  // "Worse here": by so much at equal mix, and with one in a few hundred to be
  // wrong: so much of the half width of its 95 % interval.
  double least_worse = 1.2;
  double worse_margin = 1.5;
  int max_rows = 2400;  // of the regression, over all processes
  int max_columns = 400;
  int max_causes = 3;
};

struct Thresholds {
  ImminentThresholds imminent;
  JudgementThresholds judgement;
  CauseThresholds cause;
  IncidentThresholds incident;
  TrafficThresholds traffic;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_THRESHOLDS_H_

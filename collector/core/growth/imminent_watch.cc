#include "collector/core/growth/imminent_watch.h"

#include <algorithm>
#include <cmath>

#include "collector/core/stats/robust_slope.h"

namespace plimsoll::collector {
namespace {

constexpr double kNanos = 1e9;
// Snapshots closer than this are one look: the ring then spans minutes.
constexpr double kLeastSpacing_s = 4;
// A suspicion outlives single looks that miss (a lump of a late request).
constexpr double kForgive_s = 25;
// Floors of a saw: fewest for a slope, most that are kept.
constexpr size_t kFewestFloors = 5;
constexpr size_t kMostFloors = 16;
// For a slope that is only shown, not paged on.
constexpr size_t kFewestLooks = 8;
constexpr char kNativeMemory[] = "native memory";

// t value of the trend of a series' increments: below zero it bends down.
// Increments, because their errors are white when the leak is a random walk.
double BendT(const std::vector<Point>& increments) {
  const double n = static_cast<double>(increments.size());
  if (n < 6) return 0;
  double mt = 0, my = 0;
  for (const Point& p : increments) mt += p.t_s / n, my += p.y / n;
  double sxx = 0, sxy = 0;
  for (const Point& p : increments) {
    sxx += (p.t_s - mt) * (p.t_s - mt);
    sxy += (p.t_s - mt) * (p.y - my);
  }
  if (sxx <= 0) return 0;
  const double b = sxy / sxx;
  double rss = 0;
  for (const Point& p : increments) {
    const double e = p.y - my - b * (p.t_s - mt);
    rss += e * e;
  }
  const double se = std::sqrt(rss / (n - 2) / sxx);
  return se > 0 ? b / se : (b < 0 ? -1e9 : 0);
}

}  // namespace

ImminentWatch::ImminentWatch(const ImminentThresholds& thresholds,
                             int64_t start_unix_ns)
    : thresholds_(thresholds),
      start_s_(static_cast<double>(start_unix_ns) / kNanos),
      types_(thresholds),
      native_(thresholds),
      native_unknown_("no census of it has come") {}

const ImminentFinding& ImminentWatch::Observe(const Observation& o) {
  if (o.time_ns < last_seen_ns_) return finding_;  // a batch sent again
  last_seen_ns_ = o.time_ns;
  exited_ = exited_ || o.exited;
  oom_killed_ = oom_killed_ || o.oom_killed;
  // Counts are looked at more seldom than memory.
  if (o.requests_total) requests_total_ = o.requests_total;
  const double t_s = static_cast<double>(o.time_ns) / kNanos;
  if (start_s_ > 0 && t_s - start_s_ < thresholds_.settle_age_s) {
    finding_.why_not = "the process has just started";
    return finding_;
  }
  AddLook(o, t_s);
  // A census of headers alone names no type and says nothing of them.
  if (o.has_census && !o.types.empty()) AddCensus(o, t_s);
  Judge(t_s);
  return finding_;
}

void ImminentWatch::AddCensus(const Observation& o, double t_s) {
  types_.AddCensus(t_s, o.types);
  if (o.native_bytes) {
    native_unknown_.clear();
    native_.AddCensus(t_s, {{kNativeMemory, *o.native_bytes, *o.native_bytes}});
  } else {
    native_unknown_ = IsSampled(o)
                          ? "so large a heap is read by a sample"
                          : "its malloc is not one whose chunks are read";
  }
}

void ImminentWatch::AddLook(const Observation& o, double t_s) {
  if (!o.anon_bytes) return;
  if (o.limit_bytes) {
    finding_.limit_bytes = *o.limit_bytes;
    finding_.limit_of_node = false;
  } else if (o.node_available_bytes) {
    finding_.limit_bytes = *o.anon_bytes + *o.node_available_bytes;
    finding_.limit_of_node = true;
  }
  if (!looks_.empty() && t_s - looks_.back().t_s < kLeastSpacing_s) return;
  const bool own = !finding_.limit_of_node && o.cgroup_usage_bytes;
  const Look look{t_s, own ? *o.cgroup_usage_bytes : *o.anon_bytes,
                  *o.anon_bytes, requests_total_};
  finding_.usage_bytes = look.usage;
  if (ResetOnFall(look)) return;
  highest_ = std::max(highest_, look.usage);
  looks_.push_back(look);
  if (looks_.size() > static_cast<size_t>(thresholds_.max_samples)) {
    looks_.pop_front();
  }
}

bool ImminentWatch::ResetOnFall(const Look& look) {
  if (!origin_) {
    origin_ = look;
    highest_ = look.usage;
    floors_.assign(1, look);
    return false;
  }
  // What settles just after the start or a fall is the true beginning.
  if (looks_.size() < 3 && look.usage < origin_->usage) {
    origin_ = look;
    floors_.back() = look;
  }
  const double fall = highest_ - look.usage;
  const double gained = highest_ - origin_->usage;
  const double least = thresholds_.min_fall_of_limit * finding_.limit_bytes;
  if (fall <= std::max(thresholds_.reset_share * gained, least)) return false;
  past_highest_ = std::max(past_highest_, highest_);
  origin_ = look;
  highest_ = look.usage;
  looks_.assign(1, look);
  floors_.push_back(look);
  if (floors_.size() > kMostFloors) floors_.pop_front();
  return true;
}

void ImminentWatch::Judge(double now_s) {
  nearing_ = false;
  finding_.why_not = Failing(now_s);
  finding_.holds = finding_.why_not.empty();
  AdvanceSuspicion(now_s);
  if (!nearing_) unnamed_since_s_.reset();
  if (nearing_ && !unnamed_since_s_) unnamed_since_s_ = now_s;
  finding_.unnamed = nearing_ && gained_enough_ && IsOldEnough(now_s) &&
                     now_s - *unnamed_since_s_ >= thresholds_.confirm_s;
}

ImminentWatch::Why ImminentWatch::Failing(double now_s) {
  if (exited_) return "the process has ended";
  if (finding_.limit_bytes <= 0)
    return "no memory limit is set, and what the node has left is not known";
  if (!origin_ || looks_.empty()) return "not watched for long enough";
  Why steady = SteadyGrowth(now_s);
  if (!steady.empty() && !FloorGrowth(now_s).empty()) return steady;
  if (LoadRises()) return "the request rate is rising";
  const bool rising = (steady.empty() && types_.AnyRising(origin_->t_s)) ||
                      types_.AnyFloorRising();
  native_alone_ = !rising;
  if (rising || RisingNative(steady.empty(), finding_.bytes_per_s)) return "";
  nearing_ = true;
  return NotNamed();
}

ImminentWatch::Why ImminentWatch::NotNamed() const {
  const Why types = "no type's objects rise steadily";
  if (native_unknown_.empty()) {
    return types + ", nor does native memory as most of the growth";
  }
  return types + "; native memory is not known: " + native_unknown_;
}

std::optional<Estimate> ImminentWatch::NativeSlope(double since_s) const {
  if (native_.followed().empty()) return std::nullopt;
  Epoch bytes;
  for (const TypeLook& look : native_.followed().front().looks) {
    if (look.t_s >= since_s) bytes.push_back({look.t_s, look.bytes});
  }
  return FitSlopeOnly(bytes, 1.0);
}

std::optional<Estimate> ImminentWatch::RisingNative(
    bool since_origin, const Estimate& growth) const {
  const double origin_s = origin_ ? origin_->t_s : 0;
  const bool rises = since_origin && native_.AnyRising(origin_s);
  if (!native_unknown_.empty() || (!rises && !native_.AnyFloorRising())) {
    return std::nullopt;
  }
  const auto slope = NativeSlope(rises ? origin_s : 0);
  const double least = thresholds_.min_native_share * growth.value;
  return slope && slope->value >= least ? slope : std::nullopt;
}

std::optional<NativeTrend> ImminentWatch::Native() const {
  const auto all = RecentSlope();
  if (!all || !native_unknown_.empty()) return std::nullopt;
  if (const auto rising = RisingNative(true, *all)) {
    return NativeTrend{*rising, true};
  }
  const auto slope = NativeSlope(0);
  return slope ? std::optional(NativeTrend{*slope}) : std::nullopt;
}

double ImminentWatch::LeastGain(double first_usage) const {
  const double limit = finding_.limit_bytes;
  // The collector of CPython lets garbage grow to a quarter of the heap before
  // it collects: growth must be past that, but not past half of the headroom.
  const double saw =
      std::min(0.3 * first_usage, 0.5 * std::max(limit - first_usage, 0.0));
  return std::max(thresholds_.min_gain_of_limit * limit, saw);
}

ImminentWatch::Why ImminentWatch::SteadyGrowth(double now_s) {
  if (looks_.back().t_s - origin_->t_s < thresholds_.min_watch_s) {
    return "not watched for long enough";
  }
  const double usage = looks_.back().usage;
  const double gain = usage - origin_->usage;
  const double least = LeastGain(origin_->usage);
  gained_enough_ = gain >= least;
  if (gain < thresholds_.suspect_gain * least) return "too little gained";
  if (past_highest_ > 0 && usage < past_highest_ + thresholds_.past_max_margin *
                                                       finding_.limit_bytes) {
    return "not past an earlier peak";
  }
  if (Why why = LimitIsNear(looks_, usage); !why.empty()) return why;
  return StillGrowing(now_s);
}

ImminentWatch::Why ImminentWatch::FloorGrowth(double now_s) {
  const size_t n = floors_.size();
  if (n < kFewestFloors) return "too few falls";
  const Look& first = floors_.front();
  const Look& last = floors_.back();
  const double span = last.t_s - first.t_s;
  if (span < thresholds_.min_watch_s) return "not watched for long enough";
  if (now_s - last.t_s > 3 * span / static_cast<double>(n - 1)) {
    return "no fall of late";
  }
  const double gain = last.usage - first.usage;
  const double least = LeastGain(first.usage);
  gained_enough_ = gain >= least;
  if (gain < thresholds_.suspect_gain * least) return "too little gained";
  if (Why why = LimitIsNear(floors_, std::max(highest_, past_highest_));
      !why.empty()) {
    return why;
  }
  const Look& middle = floors_[n / 2];
  const double late = (last.usage - middle.usage) / (last.t_s - middle.t_s);
  return late < thresholds_.min_late_slope * finding_.pressure_bytes_per_s.value
             ? "flat of late"
             : "";
}

ImminentWatch::Why ImminentWatch::LimitIsNear(const std::deque<Look>& looks,
                                              double highest) {
  Epoch usage, anon;
  for (const Look& l : looks) {
    usage.push_back({l.t_s, l.usage});
    anon.push_back({l.t_s, l.anon});
  }
  const auto pressure = FitSlopeOnly(usage, 1.0);
  const auto own = FitSlopeOnly(anon, 1.0);
  if (!pressure || !own) return "too few looks";
  finding_.pressure_bytes_per_s = *pressure;
  finding_.bytes_per_s = *own;
  finding_.window_s = looks.back().t_s - looks.front().t_s;
  const double headroom = std::max(finding_.limit_bytes - highest, 0.0);
  TimeToLimit& time = finding_.time_to_limit;
  time.lo_s = pressure->hi > 0 ? headroom / pressure->hi : 0;
  time.hi_s = pressure->lo > 0 ? headroom / pressure->lo
                               : std::numeric_limits<double>::infinity();
  if (time.hi_s > thresholds_.horizon_s) return "the limit is not surely near";
  if (own->lo <= 0) return "this process does not surely grow";
  // A far limit leaves time to look on; most fills are over by then.
  const double watched = looks.back().t_s - floors_.front().t_s;
  if (watched < thresholds_.watch_of_time_left * headroom / pressure->value) {
    return "not watched for long enough for a limit so far away";
  }
  return "";
}

ImminentWatch::Why ImminentWatch::StillGrowing(double now_s) const {
  Epoch late;
  std::vector<Point> increments;
  for (size_t i = 0; i < looks_.size(); ++i) {
    if (now_s - looks_[i].t_s <= thresholds_.late_window_s) {
      late.push_back({looks_[i].t_s, looks_[i].usage});
    }
    if (i == 0) continue;
    const double dt = looks_[i].t_s - looks_[i - 1].t_s;
    increments.push_back(
        {looks_[i].t_s, (looks_[i].usage - looks_[i - 1].usage) / dt});
  }
  if (late.size() < 2) return "no memory samples of late";
  const double late_slope =
      (late.back().y - late.front().y) / (late.back().t_s - late.front().t_s);
  if (late_slope <
      thresholds_.min_late_slope * finding_.pressure_bytes_per_s.value) {
    return "flat of late";
  }
  if (BendT(increments) < thresholds_.bend_t) return "growth bends down";
  return "";
}

bool ImminentWatch::LoadRises() const {
  const size_t n = looks_.size();
  if (n < 6) return false;
  const Look& a = looks_[n / 3];
  const Look& b = looks_[2 * n / 3];
  const Look& c = looks_.back();
  if (!a.requests || !b.requests || !c.requests) return false;
  const double middle = (*b.requests - *a.requests) / (b.t_s - a.t_s);
  const double late = (*c.requests - *b.requests) / (c.t_s - b.t_s);
  // Poisson noise of the two rates, so that a quiet service is not held back.
  const double noise = std::sqrt(std::max(middle, 0.0) / (b.t_s - a.t_s) +
                                 std::max(late, 0.0) / (c.t_s - b.t_s));
  return late > thresholds_.max_load_ratio * middle + noise;
}

std::optional<Estimate> ImminentWatch::RecentSlope() const {
  const bool saw = floors_.size() >= kFewestFloors;
  const std::deque<Look>& looks = saw ? floors_ : looks_;
  if (!saw && looks.size() < kFewestLooks) return std::nullopt;
  Epoch anon;
  for (const Look& l : looks) anon.push_back({l.t_s, l.anon});
  return FitSlopeOnly(anon, 1.0);
}

std::vector<const TypeHistory*> ImminentWatch::RisingTypes() const {
  std::vector<const TypeHistory*> rising =
      types_.Rising(origin_ ? origin_->t_s : 0);
  return rising.empty() ? types_.FloorRising() : rising;
}

bool ImminentWatch::IsOldEnough(double now_s) const {
  if (finding_.time_to_limit.hi_s < thresholds_.urgent_s) return true;
  if (finding_.holds && native_alone_ &&
      std::max(finding_.window_s, looks_.back().t_s - origin_->t_s) <
          thresholds_.native_watch_s) {
    return false;
  }
  return start_s_ <= 0 || now_s - start_s_ >= thresholds_.min_age_s;
}

void ImminentWatch::AdvanceSuspicion(double now_s) {
  if (finding_.holds) {
    if (!suspected_since_s_) {
      suspected_since_s_ = now_s;
      censuses_at_suspicion_ = types_.censuses();
    }
    last_held_s_ = now_s;
  } else if (suspected_since_s_ && now_s - last_held_s_ > kForgive_s) {
    suspected_since_s_.reset();
  }
  finding_.confirmed = finding_.holds && gained_enough_ && suspected_since_s_ &&
                       IsOldEnough(now_s) &&
                       now_s - *suspected_since_s_ >= thresholds_.confirm_s &&
                       types_.censuses() > censuses_at_suspicion_;
}

}  // namespace plimsoll::collector

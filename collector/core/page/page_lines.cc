#include "collector/core/page/page_lines.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <set>
#include <vector>

#include "collector/core/diagnosis/neighbours.h"
#include "collector/core/diagnosis/outlying_instance.h"
#include "collector/core/text/format.h"

namespace plimsoll::collector {
namespace {

// Per-request figures of two regions within this of each other say that the
// traffic differs and not the code.
constexpr double kSamePerRequest = 1.3;

std::string Spaced(std::string attributes) {
  for (size_t at = 0; (at = attributes.find(',', at)) != std::string::npos;
       at += 2) {
    attributes.insert(at + 1, " ");
  }
  return attributes;
}

// "it goes with gauge vehicles with city=lima, 2.0 KiB per unit (...), 98 % of
// growth, while that rose from 1,000 to 40,000: ..."
std::string StateWords(const StateCause& s) {
  std::string words = "it goes with gauge " + s.gauge;
  if (!s.attributes.empty()) words += " with " + Spaced(s.attributes);
  words += ", " + FormatBytes(s.bytes_per_unit.value) + " per unit (" +
           FormatByteInterval(s.bytes_per_unit) + "), " + FormatShare(s.share) +
           " of the growth, while that rose from " + FormatCount(s.from) +
           " to " + FormatCount(s.to) +
           ": what it holds is large, which is no leak per request";
  if (!s.inseparable_from.empty()) {
    words += "; cannot be separated from " +
             Spaced(Join(s.inseparable_from, " or "));
  }
  return words;
}

std::string RegionName(const RegionGrowth& growth) {
  return (growth.region.empty() ? "(no region)" : growth.region) +
         (growth.cluster.empty() ? "" : " (cluster " + growth.cluster + ")");
}

// "2026-11-30 12:01 UTC"
std::string UtcMinute(int64_t time_ns) {
  const std::time_t seconds = time_ns / 1'000'000'000;
  std::tm utc{};
  std::array<char, 32> text{};
  if (gmtime_r(&seconds, &utc) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &utc) ==
          0) {
    return "";
  }
  return text.data();
}

// "; began at about 2026-11-30 14:20 UTC (2026-11-30 14:10 UTC to ...), 2.1 h
// after version 7 came: until then its pods gained no more than those of 6"
std::string LaterWords(const VersionOnset& o) {
  const double after_s = static_cast<double>(o.since_ns - o.began_ns) / 1e9;
  return "; began at about " + UtcMinute(o.since_ns) + " (" +
         UtcMinute(o.since_from_ns) + " to " + UtcMinute(o.since_to_ns) +
         "), " + FormatDuration(after_s) + " after version " + o.version +
         " came: until then its pods gained no more than those of " + o.before;
}

// "; began with version 7 at 2026-11-30 12:01 UTC: at that age 6 gained 9.0
// KiB/min (CI -2.0-20) against 2.0 MiB/min (CI 1.9-2.1)"; "" where the versions
// say nothing of it.
std::string OnsetWords(const VersionOnset& o) {
  if (o.as_before) {
    return "; version " + o.version + ", and " + o.before +
           " gained as much at that age";
  }
  if (o.later) return LaterWords(o);
  if (!o.began && !o.not_before) return "";
  const auto gained = [&](const Estimate& growth) {
    return o.per_request
               ? FormatBytes(growth.value) + " (" + FormatByteInterval(growth) +
                     ") per request"
               : FormatRate(growth.value) + " (" +
                     FormatByteInterval(
                         {growth.value * 60, growth.lo * 60, growth.hi * 60}) +
                     ")";
  };
  const std::string figures = ": at that age " + o.before + " gained " +
                              gained(o.growth_before) + " against " +
                              gained(o.growth);
  if (!o.began) {
    return "; version " + o.version + " and not " + o.before + figures +
           "; whether since its first pod came at " + UtcMinute(o.began_ns) +
           " or since later cannot be told yet";
  }
  return "; began with version " + o.version + " at " + UtcMinute(o.began_ns) +
         figures;
}

// "; version 7 and not 6" when only processes of 7 leak.
std::string VersionWords(const Incident& incident) {
  if (incident.version_onset) {
    const std::string onset = OnsetWords(*incident.version_onset);
    if (!onset.empty()) return onset;
  }
  std::set<std::string> leaking, healthy;
  for (const AffectedProcess& p : incident.processes) {
    if (p.helper) continue;
    (p.leaking ? leaking : healthy).insert(p.version);
  }
  leaking.erase("");
  if (leaking.empty()) return "";
  std::string words =
      "; version " + Join({leaking.begin(), leaking.end()}, ", ");
  const bool apart =
      std::none_of(leaking.begin(), leaking.end(),
                   [&](const std::string& v) { return healthy.contains(v); });
  healthy.erase("");
  if (apart && !healthy.empty()) {
    words += " and not " + Join({healthy.begin(), healthy.end()}, ", ");
  }
  return words;
}

// ", 1.0x per such request (0.9x to 1.2x): the mix differs, not the code"
std::string PerRequestWords(const GroupComparison& c) {
  if (!c.at_equal_mix) {
    return c.not_told.empty() ? "" : "; at equal mix: " + c.not_told;
  }
  const Estimate& ratio = *c.at_equal_mix;
  const std::string words = ", " + FormatRatio(ratio.value) +
                            " per such request (" + FormatRatio(ratio.lo) +
                            " to " + FormatRatio(ratio.hi) + ")";
  if (c.worse_here) return words + ": worse there at equal mix too";
  // What differs in all must differ from what is left at equal mix.
  const bool same = ratio.value < kSamePerRequest &&
                    ratio.value > 1 / kSamePerRequest &&
                    ratio.hi < c.in_all.value;
  return words + (same ? ": the mix differs, not the code"
                       : ": too few to tell the mix from the code");
}

// "; 2.0x version A per such request" where both leak.
std::string VersionsWords(const Incident& incident) {
  const auto& c = incident.versions_compared;
  if (!c || !c->at_equal_mix || c->other.empty()) return "";
  return "; version " + c->one + " " + FormatRatio(c->at_equal_mix->value) +
         " " + c->other + " per such request" +
         (c->worse_here ? ""
                        : " (" + FormatRatio(c->at_equal_mix->lo) + " to " +
                              FormatRatio(c->at_equal_mix->hi) + ")");
}

// "a ticket since 2026-11-30 12:01 UTC (fragmentation then), a page since
// 2026-11-30 13:10 UTC"; "" where it is what people were told at first.
std::string FormerWords(const Incident& incident) {
  const bool raised = incident.page && incident.raised_ns >= incident.fired_ns;
  const bool other = incident.cause_before != Verdict::kUnknown;
  if (incident.fired_ns == 0 || (!raised && !other)) return "";
  std::string words = "a ticket since " + UtcMinute(incident.fired_ns);
  if (other) {
    words += " (" + std::string(ToString(incident.cause_before)) + " then)";
  }
  return raised ? words + ", a page since " + UtcMinute(incident.raised_ns)
                : words;
}

}  // namespace

std::string ByHand(const Incident& incident) {
  for (const AffectedProcess& p : incident.processes) {
    if (!p.leaking) continue;
    return p.by_hand.empty() ? "" : "started by hand " + p.by_hand;
  }
  return "";
}

std::string NativeWords(const Incident& incident) {
  const bool cause = incident.cause == Verdict::kNative;
  const std::optional<double> share =
      cause && incident.shares.native              ? incident.shares.native
      : cause || incident.cause == Verdict::kMixed ? NativeShare(incident)
                                                   : std::nullopt;
  if (!share) return "";
  std::string words = "native memory +" +
                      FormatRate(*share * incident.bytes_per_s.value) + ", " +
                      FormatShare(std::clamp(*share, 0., 1.)) + " of growth";
  const auto asked =
      std::find_if(incident.stacks.begin(), incident.stacks.end(),
                   [](const StackEvidence& s) {
                     return s.kind == "native" && !s.frames.empty() &&
                            !s.frames.front().module.empty();
                   });
  if (asked != incident.stacks.end()) {
    words += ", asked for in " + asked->frames.front().module;
  }
  return words;
}

std::string TrafficLine(const Incident& incident) {
  const Traffic& traffic = incident.traffic;
  if (traffic.causes.empty() && traffic.looks == 0 &&
      !ByHand(incident).empty()) {
    return "no requests: it counts none, and was started by hand";
  }
  if (traffic.causes.empty() && traffic.states.empty()) {
    return "not known yet: " + (traffic.not_known.empty() ? "no request counts"
                                                          : traffic.not_known);
  }
  std::vector<std::string> parts;
  for (const TrafficCause& c : traffic.causes) {
    std::string part = FormatBytes(c.bytes_per_request.value) + " per request";
    if (!c.attributes.empty()) part += " with " + Spaced(c.attributes);
    if (!c.all_have.empty()) part += ", all with " + Join(c.all_have, ", ");
    if (c.joint) part += " or " + Spaced(Join(c.inseparable_from, " or "));
    part += " (" + FormatByteInterval(c.bytes_per_request) + ")";
    if (c.requests_per_s) {
      part += " x " + FormatCount(*c.requests_per_s * 60) + "/min";
    }
    part += ", " + FormatShare(c.share) + " of the leak";
    if (c.joint) {
      part += "; these cannot be separated: their requests move together";
    } else if (!c.inseparable_from.empty()) {
      part += "; cannot be separated from " +
              Spaced(Join(c.inseparable_from, " or "));
    }
    parts.push_back(part);
  }
  for (const StateCause& s : traffic.states) parts.push_back(StateWords(s));
  std::string line = Join(parts, "; ");
  if (traffic.bytes_of.starts_with("live ")) {
    line += " (of " + traffic.bytes_of + ")";
  }
  if (traffic.unexplained_share > 0.1) {
    line += "; " + FormatShare(std::min(1.0, traffic.unexplained_share)) +
            " not explained by the attributes";
  }
  return traffic.causes.empty() ? "no requests explain it: " + line : line;
}

// What is compared: regions and versions; or who started it.
static std::string RegionLine(const Incident& incident) {
  if (incident.regions.empty()) {
    return "not known yet: no region of this workload has a slope";
  }
  const RegionGrowth& worst = incident.regions.front();
  std::string line;
  if (const std::string by_hand = ByHand(incident); !by_hand.empty()) {
    const std::string node =
        incident.processes.empty() ? "" : incident.processes.front().node;
    return by_hand + (node.empty() ? "" : " on node " + node) +
           (worst.region.empty() ? "" : ", region " + worst.region) +
           VersionWords(incident);
  }
  if (incident.regions.size() == 1) {
    line = worst.region.empty()
               ? "no region is known for its processes, so none is compared"
               : "only " + worst.region + " was seen";
    line += VersionWords(incident);
    return line;
  }
  const RegionGrowth& other = incident.regions[1];
  const double slower = other.bytes_per_s.value;
  if (other.leaking == 0 && other.bytes_per_s.lo > 0) {
    // A rate that is not zero is no "does not", though the rule wants more.
    line = RegionName(worst) + " leaks; " + RegionName(other) +
           " grows too, but is not judged a leak yet (" +
           FormatRateWithInterval(other.bytes_per_s, "") + ")";
  } else if (other.leaking == 0 || slower <= 0) {
    line = "only " + RegionName(worst) + " leaks, " + RegionName(other) +
           " does not (" + FormatRateWithInterval(other.bytes_per_s, "") + ")";
  } else {
    line = RegionName(worst) + ": " +
           FormatRatio(worst.bytes_per_s.value / slower) + " " +
           RegionName(other) + " in all";
  }
  const auto& c = incident.regions_compared;
  if (c && c->one == worst.region && c->other == other.region) {
    line += PerRequestWords(*c);
  }
  return line + VersionWords(incident) + VersionsWords(incident);
}

std::string WhereLine(const Incident& incident) {
  std::string line = RegionLine(incident);
  for (const std::string& words :
       {OutlierWords(incident), NeighbourWords(incident)}) {
    if (!words.empty()) line += "; " + words;
  }
  return line;
}

std::string TrustLine(const Incident& incident) {
  std::vector<std::string> parts;
  parts.push_back(incident.census_coverage
                      ? "census coverage " +
                            FormatShare(*incident.census_coverage)
                      : "census coverage not known");
  if (incident.typed_share) {
    parts.push_back("typed " + FormatShare(*incident.typed_share));
  }
  parts.push_back("slope over the last " + FormatDuration(incident.window_s) +
                  (incident.model_limited.empty()
                       ? ""
                       : " (model-limited: " + incident.model_limited + ")"));
  if (!incident.traffic.causes.empty()) {
    const TrafficCause& top = incident.traffic.causes.front();
    parts.push_back((top.inseparable_from.empty() ? "separable (VIF "
                                                  : "not separable (VIF ") +
                    (top.vif < 1000 ? FormatCount(top.vif) : "over 1,000") +
                    ")");
  }
  if (!incident.stacks.empty() && incident.stacks.front().net_counts_refused) {
    parts.emplace_back("net counts refused: allocations only");
  }
  if (!incident.collector_doubt.empty() &&
      (incident.cause == Verdict::kPythonObject ||
       incident.cause == Verdict::kLeak)) {
    parts.push_back("garbage is not ruled out: " + incident.collector_doubt);
  }
  parts.emplace_back(
      incident.rule == "imminent"
          ? "rule: imminent (predicted, held at two looks)"
          : "rule: full judgement, stood at each look for ten minutes or more");
  const std::string former = FormerWords(incident);
  return Join(parts, ", ") + (former.empty() ? "" : "; " + former);
}

}  // namespace plimsoll::collector

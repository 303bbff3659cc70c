#include "collector/core/page/page_text.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "collector/core/diagnosis/cause.h"
#include "collector/core/page/evidence_request.h"
#include "collector/core/page/page_actions.h"
#include "collector/core/page/page_lines.h"
#include "collector/core/page/page_title.h"
#include "collector/core/ports.h"
#include "collector/core/text/format.h"
#include "collector/core/types/type_names.h"

namespace plimsoll::collector {
namespace {

constexpr size_t kMostFrames = 5;
constexpr size_t kMostNativeFrames = 3;  // above them Python's
constexpr size_t kMostTypes = 3;
// Of the growth: said of a type that is not the first.
constexpr double kLeastOther = 0.1;

std::string FrameText(const Frame& frame) {
  std::string where = frame.file.empty() ? frame.module : ShortPath(frame.file);
  if (frame.line > 0) where += ":" + std::to_string(frame.line);
  return frame.function.empty() ? where : where + " " + frame.function;
}

// "50 % (CI 44-56)".
std::string ShareWords(double share,
                       const std::optional<GrowthShares::Interval>& ci) {
  const auto percent = [](double x) {
    return std::to_string(std::lround(100 * std::clamp(x, 0., 1.)));
  };
  std::string words = FormatShare(std::clamp(share, 0., 1.));
  if (ci) words += " (CI " + percent((*ci)[0]) + "-" + percent((*ci)[1]) + ")";
  return words;
}

// "live Python objects (not native, not fragmentation)", or the shares.
std::string CauseWords(const Incident& incident) {
  const GrowthShares& s = incident.shares;
  std::string words;
  switch (incident.cause) {
    case Verdict::kPythonObject:
      words = "live Python objects";
      if (s.native && s.free && *s.native < 0.3 && *s.free < 0.3) {
        return words + " (not native, not fragmentation)";
      }
      break;
    case Verdict::kUnreachable:
      words =
          incident.collector_problem.empty()
              ? "garbage that was not collected when this began (the "
                "collector's figures do not say so any more)"
              : "garbage that is not collected: " + incident.collector_problem +
                    ", so cycles of it stay (whether something else holds "
                    "it was not followed)";
      break;
    case Verdict::kMixed:
      words = "cause: mixed";
      if (const std::string c = ExtensionModule(incident); !c.empty()) {
        words = "Python objects made in C by " + c +
                ", whether anything refers to them was not followed (a "
                "reference lost in it looks the same)";
      }
      break;
    case Verdict::kNative:
      words = "memory outside Python's allocator";
      break;
    case Verdict::kFragmentation:
      words =
          "free memory between what is in use, which the allocators cannot "
          "give back (no leak: the bytes in use do not grow with it)";
      break;
    case Verdict::kHighWater:
      words =
          "memory that was needed once and that the allocators keep (no leak: "
          "the bytes in use do not grow with it)";
      break;
    default:
      words = "cause: " + std::string(ToString(incident.cause));
  }
  if (s.python && !s.native) {
    return words +
           " (of the growth: " + FormatShare(std::clamp(*s.python, 0., 1.)) +
           " live Python in blocks of up to 512 bytes; the rest may be larger "
           "ones or native: its malloc is not one that is read)";
  }
  if (!s.python || !s.native) {
    return words +
           " (how much is native is not known yet: no totals of "
           "Python's allocator)";
  }
  words += " (of the growth: " + ShareWords(*s.python, s.python_ci) +
           " live Python, " + ShareWords(*s.native, s.native_ci) +
           " outside its allocator";
  if (s.free) words += ", " + ShareWords(*s.free, s.free_ci) + " free in it";
  return words + ")";
}

// "shop.Order +1,200/min", or by how much the existing ones grow where they do
// not become more.
std::string TypeRate(const GrowingType& t) {
  const double per_minute = t.objects_per_s.value * 60;
  if (t.objects_per_s.lo <= 0 && per_minute < 0.5 && t.bytes_per_s.value > 0) {
    return "existing " + t.type + " objects grow by " +
           FormatBytes(t.bytes_per_s.value * 60) + "/min";
  }
  return t.type + " +" + FormatCount(per_minute) + "/min";
}

// "; also shop.Row +12/min (20 %)": types from the given one on.
std::string TypesBeside(const Incident& incident, size_t from) {
  std::vector<std::string> others;
  for (size_t i = from; i < std::min(incident.types.size(), kMostTypes); ++i) {
    const GrowingType& t = incident.types[i];
    others.push_back(TypeRate(t) + (t.share < kLeastOther
                                        ? ""
                                        : " (" + FormatShare(t.share) + ")"));
  }
  return others.empty() ? "" : "; also " + Join(others, ", ");
}

std::string What(const Incident& incident) {
  const std::string native = NativeWords(incident);
  if (!native.empty() && incident.cause == Verdict::kNative) {
    return native + ": " + CauseWords(incident) + TypesBeside(incident, 0);
  }
  if (incident.types.empty()) {
    return (native.empty() ? "not known yet: no type's objects rise in the "
                             "censuses so far; "
                           : native + ": ") +
           CauseWords(incident);
  }
  const GrowingType& top = incident.types.front();
  std::string line =
      TypeRate(top) + ", " + FormatShare(top.share) + " of growth";
  if (!top.rolled_up.empty()) {
    line += " with " + Join(top.rolled_up, ", ") + " each";
  }
  line += ": " + CauseWords(incident);
  line += TypesBeside(incident, 1);
  return native.empty() ? line : line + "; " + native;
}

std::string FollowWords(const Incident& incident) {
  return incident.follow_problem.empty() ? "" : "; " + incident.follow_problem;
}

std::string NoStacks(const Incident& incident) {
  const std::string& problem = incident.evidence_problem;
  // It is over; another window is asked for in five minutes.
  if (problem.starts_with("the window ") || problem.starts_with("the look ")) {
    return "not known: " + problem;
  }
  if (!problem.empty()) return "not known yet: " + problem;
  if (incident.evidence_requested_ns == 0) {
    return "not known yet: no window was asked for";
  }
  const bool done =
      std::any_of(incident.requests.begin(), incident.requests.end(),
                  [](const EvidenceRequest& r) { return r.outcome == "done"; });
  const bool native = !incident.requests.empty() &&
                      incident.requests.front().what == command::kSampleNative;
  const std::string asked =
      native ? "native memory is followed" : "a window was asked for";
  if (!done) {
    return "not known yet: " + asked + ", its stacks have not come so far";
  }
  return (native ? "not known: native memory was followed and nothing stayed"
                 : "not known: a window was taken and no growing type was "
                   "allocated in it") +
         FollowWords(incident);
}

// The native code that asked, where each other module was called from on the
// way, then the Python code that called it.
std::string NativeChain(const StackEvidence& row) {
  const std::vector<Frame>& frames = row.frames;
  const std::string_view known_to = KnownTo(row);
  if (known_to.empty()) return FrameChain(frames);
  std::vector<std::string> chain = {FrameText(frames.front())};
  if (known_to == "module") chain[0] += " (known to the module only)";
  if (known_to == "function") chain[0] += " (its file has no line table)";
  auto at = frames.begin() + 1;
  for (; at != frames.end() && at->native; ++at) {
    if (at->module != (at - 1)->module && chain.size() < kMostNativeFrames) {
      chain.push_back(FrameText(*at));
    }
  }
  if (at != frames.end()) chain.push_back(FrameChain({at, frames.end()}));
  return Join(chain, " <- ");
}

// " (CI 92-100 %, 96 samples)"
std::string Sampled(const StackEvidence& row) {
  if (row.samples == 0) return "";
  return " (CI " + std::to_string(std::llround(100 * row.share_low)) + "-" +
         std::to_string(std::llround(100 * row.share_high)) + " %, " +
         std::to_string(row.samples) + " sample" +
         (row.samples == 1 ? ")" : "s)");
}

std::string MadeAt(const Incident& incident) {
  if (incident.stacks.empty()) return NoStacks(incident);
  const StackEvidence& best = incident.stacks.front();
  if (best.kind == "native") {
    return NativeChain(best) + "; " + FormatShare(best.share) +
           " of the bytes of malloc that stayed" + Sampled(best);
  }
  std::string line = FrameChain(best.frames);
  if (IsBesideTheLeak(incident)) {
    line = "not known yet for " + incident.types.front().type + "; of " +
           best.type + ", which grows too: " + line;
  }
  const std::string of = best.type.empty() ? "" : " of " + best.type;
  const std::string of_all = best.type.empty() ? " of all" : of;
  if (best.kind == "window") {
    line += "; " + FormatShare(best.share) + of_all + " allocations in a " +
            FormatDuration(static_cast<double>(best.window_ns) / 1e9) +
            " window (not followed to what survives" + FollowWords(incident) +
            ")";
  } else if (best.kind == "birth") {
    line += "; " + FormatShare(best.share) + of_all + " births that stayed" +
            Sampled(best);
  } else {
    line += "; " + FormatShare(best.share) + of + ", seen by " + best.kind;
  }
  return line;
}

// Cause, type and line: not the numbers, which change at each look.
std::string Gist(const Incident& incident) {
  std::string gist(ToString(incident.cause));
  if (!incident.types.empty()) gist += " " + incident.types.front().type;
  if (!incident.stacks.empty()) {
    gist += " " + FrameChain(incident.stacks.front().frames);
  }
  return gist;
}

// The pod, or the node, of the one that dies first.
std::string WorstPlace(const Incident& incident) {
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking) return p.pod.empty() ? p.node : p.pod;
  }
  return "";
}

}  // namespace

std::string FrameChain(const std::vector<Frame>& frames) {
  if (frames.empty()) return "not known: the stack is empty";
  size_t first = 0;
  while (first < frames.size() &&
         FrameOrigin(frames[first]) != Origin::kApplication) {
    ++first;
  }
  const bool none = first == frames.size();
  if (none) first = 0;
  std::vector<std::string> chain;
  bool in_library = false;
  for (size_t i = first; i < frames.size() && chain.size() < kMostFrames; ++i) {
    const bool library = FrameOrigin(frames[i]) != Origin::kApplication;
    // Of a run of library frames the first tells how they were entered.
    if (!library || !in_library || none) chain.push_back(FrameText(frames[i]));
    in_library = library;
  }
  std::string text = Join(chain, " <- ");
  if (first > 0) text += " (inside it: " + FrameText(frames.front()) + ")";
  return text;
}

PageText WritePage(const Incident& incident, const std::string& external_url) {
  const std::string url = external_url + "/incidents/" + incident.id;
  PageText text;
  text.title = PageTitle(incident);
  text.what = What(incident);
  text.held_by =
      "not known yet: references were not followed (no heap graph taken)";
  text.made_at = MadeAt(incident);
  text.kept_at =
      "not known yet: the growing container was not watched for stores";
  text.traffic = TrafficLine(incident);
  if (const std::string latent = LatentWords(incident); !latent.empty()) {
    text.traffic += "; " + latent;
  }
  text.where = WhereLine(incident);
  text.do_now = DoNow(incident, url);
  text.trust = TrustLine(incident);
  return text;
}

Notification NotificationOf(const Incident& incident, const PageLinks& links) {
  Notification n;
  n.incident_id = incident.id;
  n.resolved = incident.state == IncidentState::kResolved;
  n.silenced = incident.silence.has_value();
  n.told = incident.told;
  n.starts_at_ns = incident.fired_ns;
  n.ends_at_ns = incident.resolved_ns;
  n.generator_url = links.external_url + "/incidents/" + incident.id;
  n.labels = {{"alertname", "PlimsollMemoryLeak"},
              {"severity", incident.page ? "page" : "ticket"},
              {"workload", incident.workload.name},
              {"kind", incident.workload.kind},
              {"namespace", incident.workload.ns},
              {"cluster", incident.workload.cluster},
              {"cause", std::string(ToString(incident.cause))}};
  // Who is woken: Alertmanager routes by it.
  n.labels["owner"] = incident.owner;
  // Alertmanager takes an empty label for an absent one.
  std::erase_if(n.labels, [](const auto& l) { return l.second.empty(); });
  std::set<std::string> regions, versions;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking && !p.region.empty()) regions.insert(p.region);
    if (p.leaking && !p.version.empty()) versions.insert(p.version);
  }
  const PageText& t = incident.text;
  n.annotations = {
      {"summary", t.title},
      {"what", t.what},
      {"held_by", t.held_by},
      {"made_at", t.made_at},
      {"kept_at", t.kept_at},
      {"traffic", t.traffic},
      {"where", t.where},
      {"do_now", t.do_now},
      {"trust", t.trust},
      {"region", Join({regions.begin(), regions.end()}, ", ")},
      {"regions", Join({regions.begin(), regions.end()}, ", ")},
      {"version", Join({versions.begin(), versions.end()}, ", ")},
      {"worst", WorstPlace(incident)},
      {"incident", incident.id},
      {"bytes_per_s", std::to_string(std::llround(incident.bytes_per_s.value))},
      {"runbook_url", RunbookUrl(incident, links)}};
  if (n.resolved) n.annotations["resolved"] = incident.resolve_reason;
  n.gist = Gist(incident);
  return n;
}

}  // namespace plimsoll::collector

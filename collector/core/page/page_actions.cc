#include "collector/core/page/page_actions.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "collector/core/page/page_lines.h"
#include "collector/core/text/format.h"

namespace plimsoll::collector {
namespace {

constexpr double kDay_s = 86400;
constexpr double kMoreTraffic = 10;

const AffectedProcess* Worst(const Incident& incident) {
  const auto worst =
      std::find_if(incident.processes.begin(), incident.processes.end(),
                   [](const AffectedProcess& p) { return p.leaking; });
  return worst == incident.processes.end() ? nullptr : &*worst;
}

bool RunsJobs(const Incident& incident) {
  return incident.workload.kind == "Job" || incident.workload.kind == "CronJob";
}

std::string OfPod(const Incident& incident, const AffectedProcess& worst) {
  const std::string& ns = incident.workload.ns;
  const std::string kubectl = "kubectl" + (ns.empty() ? "" : " -n " + ns);
  if (RunsJobs(incident)) {
    return "no traffic is routed to a job: " + kubectl + " delete pod " +
           worst.pod + " ends it once the evidence below is there";
  }
  return kubectl + " label pod " + worst.pod +
         " app- (takes it out of service and keeps it for a look)";
}

std::string UrlPart(const std::string& text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-._~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') ||
                       (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z') ||
                       kPlain.find(c) != std::string_view::npos;
    out += plain ? std::string(1, c)
                 : std::string{'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

}  // namespace

std::string DoNow(const Incident& incident, const std::string& evidence_url) {
  const std::string evidence = "evidence saved: " + evidence_url;
  const AffectedProcess* worst = Worst(incident);
  if (worst == nullptr) return evidence;
  const std::string pid = std::to_string(worst->pid);
  const std::string place = worst->node.empty() ? "" : " on " + worst->node;
  std::string line;
  if (const std::string by_hand = ByHand(incident); !by_hand.empty()) {
    // There is no service to take it out of.
    line = "freeze pid " + pid + place + " (kill -STOP " + pid +
           ": it grows no more and keeps its memory for a look), as it was " +
           by_hand + ", and look: plimsoll types " + pid;
  } else if (!worst->pod.empty()) {
    line = OfPod(incident, *worst);
  } else {
    line =
        "take pid " + pid + place +
        " out of service rather than restart it, and look: plimsoll stacks " +
        pid + " --for 10s";
  }
  if (incident.limit_of_node || !incident.time_to_limit) {
    line += "; set a memory limit: without one its node dies, not it alone";
  }
  return line + "; " + evidence;
}

std::string LatentWords(const Incident& incident) {
  const AffectedProcess* worst = Worst(incident);
  if (incident.traffic.causes.empty() || worst == nullptr ||
      !worst->limit_bytes || !worst->usage_bytes) {
    return "";
  }
  const TrafficCause& cause = incident.traffic.causes.front();
  const double each = cause.bytes_per_request.value;
  const double headroom = *worst->limit_bytes - *worst->usage_bytes;
  const bool near =
      incident.time_to_limit && incident.time_to_limit->lo_s < kDay_s;
  if (near || each <= 0 || headroom <= 0) return "";
  const double left = headroom / each;
  std::string words = "OOM after " + FormatCount(left) + " more such requests";
  if (cause.requests_per_s && *cause.requests_per_s > 0) {
    // The rest of the leak goes on as it is.
    const double others =
        std::max(0.0, 1 - cause.share) * incident.bytes_per_s.value;
    const double fast = kMoreTraffic * *cause.requests_per_s * each + others;
    words +=
        ", at ten times their traffic in " + FormatDuration(headroom / fast);
  }
  return words;
}

std::string RunbookUrl(const Incident& incident, const PageLinks& links) {
  if (links.runbook_url.empty()) return links.external_url + "/runbook";
  std::string url = links.runbook_url;
  const std::pair<std::string_view, std::string> parts[] = {
      {"{workload}", incident.workload.name},
      {"{namespace}", incident.workload.ns},
      {"{cluster}", incident.workload.cluster},
      {"{owner}", incident.owner},
      {"{cause}", std::string(ToString(incident.cause))}};
  for (const auto& [mark, text] : parts) {
    const std::string value = UrlPart(text);
    for (size_t at = 0; (at = url.find(mark, at)) != std::string::npos;
         at += value.size()) {
      url.replace(at, mark.size(), value);
    }
  }
  return url;
}

}  // namespace plimsoll::collector

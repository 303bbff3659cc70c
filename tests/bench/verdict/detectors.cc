#include "tests/bench/verdict/detectors.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <set>

#include "collector/core/backtest/backtest.h"
#include "collector/core/growth/judge_types.h"
#include "collector/core/growth/judge_used.h"
#include "collector/core/history/life_book.h"

namespace plimsoll::bench {
namespace {

using collector::MetricName;
using collector::Recording;

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr double kHour_s = 3600;

int64_t Ms(double t_s) { return kStartMs + static_cast<int64_t>(t_s * 1000); }

MetricName NameOf(const char* metric, const PodLife& life) {
  MetricName name;
  name.name = metric;
  name.labels = {{"namespace", "bench"},
                 {"pod", life.pod},
                 {"container", "app"},
                 {"region", life.region},
                 {"version", life.version}};
  return name;
}

// The names under which an agent's own figures stand in OpenMetrics.
const std::string kOwn = "plimsoll_";

void FeedCensuses(const PodLife& life, Recording& recording) {
  auto* live = recording.StreamOf(
      NameOf((kOwn + collector::metric::kLiveBytes).c_str(), life));
  auto* free = recording.StreamOf(
      NameOf((kOwn + collector::metric::kFreeBytes).c_str(), life));
  for (const Tick& t : life.ticks) {
    if (t.used < 0) continue;
    recording.AddTo(*live, Ms(t.t_s), t.used);
    recording.AddTo(*free, Ms(t.t_s), t.bytes - t.used);
  }
}

void FeedTypes(const PodLife& life, Recording& recording) {
  for (size_t i = 0; i < kTypes; ++i) {
    MetricName name =
        NameOf((kOwn + collector::metric::kTypeBytes).c_str(), life);
    name.labels.push_back({"label", kTypeNames[i]});
    auto* bytes = recording.StreamOf(name);
    for (const TypeLook& look : life.types) {
      recording.AddTo(*bytes, Ms(look.t_s), look.bytes[i]);
    }
  }
}

void Feed(const MadeWorkload& w, const Given& given, Recording& recording) {
  const bool with_requests = given.requests;
  for (const PodLife& life : w.lives) {
    auto* memory = recording.StreamOf(NameOf("container_memory_rss", life));
    auto* limit =
        recording.StreamOf(NameOf("container_spec_memory_limit_bytes", life));
    auto* start =
        recording.StreamOf(NameOf("process_start_time_seconds", life));
    if (given.live) FeedCensuses(life, recording);
    if (given.types) FeedTypes(life, recording);
    std::array<collector::RecordedStream*, kCities> cities{};
    for (size_t c = 0; with_requests && c < kCities; ++c) {
      MetricName name = NameOf("http_requests_total", life);
      name.labels.push_back({"city", kCityNames[c]});
      cities[c] = recording.StreamOf(name);
    }
    for (size_t i = 0; i < life.ticks.size(); ++i) {
      const Tick& t = life.ticks[i];
      recording.AddTo(*memory, Ms(t.t_s), t.bytes);
      recording.AddTo(*limit, Ms(t.t_s), w.limit_bytes);
      recording.AddTo(*start, Ms(t.t_s), Ms(life.start_s) / 1000.0);
      for (size_t c = 0; with_requests && c < kCities; ++c) {
        recording.AddTo(*cities[c], Ms(t.t_s), life.requests[i][c]);
      }
    }
  }
}

double SecondsOf(int64_t at_ns) {
  return static_cast<double>(at_ns / 1'000'000 - kStartMs) / 1000;
}

Claim ClaimOf(const collector::Said& said, int workload) {
  const collector::Incident& incident = said.incident;
  Claim claim;
  claim.workload = workload;
  claim.at_s = SecondsOf(said.at_ns);
  claim.page = said.kind == collector::SaidKind::kPage;
  for (const auto& p : incident.processes) {
    if (p.leaking) claim.pods.push_back(p.pod);
  }
  claim.bytes_per_s = incident.bytes_per_s.value;
  claim.lo = incident.bytes_per_s.lo;
  claim.hi = incident.bytes_per_s.hi;
  claim.has_interval = true;
  claim.model_limited = !incident.model_limited.empty();
  claim.window_s = incident.window_s;
  if (incident.time_to_limit) {
    claim.oom_s = {incident.time_to_limit->lo_s, incident.time_to_limit->hi_s};
  }
  if (!incident.traffic.causes.empty()) {
    claim.attribute = incident.traffic.causes.front().attributes;
  }
  return claim;
}

void ExplainTypes(const std::vector<collector::TypeLives>& types,
                  const std::vector<collector::WorkloadLife>& lives, size_t me,
                  const collector::JudgementInput& input,
                  const collector::JudgementThresholds& thresholds, int64_t now,
                  double limit_bytes) {
  for (const collector::TypeLives& type : types) {
    const auto j =
        collector::JudgeSeries({type.lives, me, input, thresholds, now, &lives},
                               collector::Depth::kInFull);
    std::printf(
        "        %-12s %s%.3f [%.3f, %.3f] %%/h z %.1f over %.1f h %s\n",
        type.type.c_str(), j.ticket || j.page ? "TICKET " : "",
        j.bytes_per_s.value * 360000 / limit_bytes,
        j.bytes_per_s.lo * 360000 / limit_bytes,
        j.bytes_per_s.hi * 360000 / limit_bytes, j.z, j.window_s / 3600,
        j.why_not.c_str());
  }
}

struct Text {
  double t_s;
  std::string line;
};

}  // namespace

std::vector<Claim> JudgeByPlimsoll(const std::vector<MadeWorkload>& fleet,
                                   const collector::Thresholds& thresholds,
                                   const Given& given) {
  Recording recording(
      {.requests_metric = given.requests ? "http_requests_total" : "",
       .attributes = {"city"}});
  std::map<std::string, int> numbers;
  for (size_t i = 0; i < fleet.size(); ++i) {
    Feed(fleet[i], given, recording);
    numbers[fleet[i].name] = static_cast<int>(i);
  }
  recording.Seal();
  std::vector<Claim> claims;
  std::set<std::string> known;
  collector::BacktestOptions options;
  options.thresholds = thresholds;
  const auto summary = collector::RunBacktest(
      recording, options, [&](const collector::Said& said) {
        if (said.kind == collector::SaidKind::kResolved) return;
        const auto at = numbers.find(said.incident.workload.name);
        if (at == numbers.end()) return;
        Claim claim = ClaimOf(said, at->second);
        claim.first = known.insert(said.incident.id).second;
        claims.push_back(std::move(claim));
      });
  if (!summary.ok()) {
    std::fprintf(stderr, "%s\n", summary.status().ToString().c_str());
  }
  return claims;
}

std::vector<Claim> JudgeByRival(const std::vector<MadeWorkload>& fleet,
                                const Rival& rival) {
  std::vector<Claim> claims;
  for (size_t w = 0; w < fleet.size(); ++w) {
    double end_s = 0;
    for (const PodLife& life : fleet[w].lives) {
      end_s = std::max(end_s, life.ticks.back().t_s);
    }
    double silent_s = 2 * kHour_s;
    for (double now = kHour_s; now <= end_s; now += kHour_s) {
      Claim open;
      open.workload = static_cast<int>(w);
      open.at_s = now;
      for (const PodLife& life : fleet[w].lives) {
        const Tick* first = life.ticks.data();
        const Tick* past =
            std::partition_point(first, first + life.ticks.size(),
                                 [now](const Tick& t) { return t.t_s <= now; });
        if (past == first || (past - 1)->t_s < now - 600) continue;
        Claim one = open;
        if (!rival.fires(first, past, fleet[w].limit_bytes, one)) continue;
        if (open.pods.empty()) open = one;  // the first pod's figures
        open.pods.push_back(life.pod);
      }
      silent_s = open.pods.empty() ? silent_s + kHour_s : silent_s;
      if (open.pods.empty()) continue;
      open.first = silent_s >= 2 * kHour_s;
      silent_s = 0;
      claims.push_back(open);
    }
  }
  return claims;
}

void Explain(const MadeWorkload& workload,
             const collector::Thresholds& thresholds, const Given& given) {
  Recording recording(
      {.requests_metric = given.requests ? "http_requests_total" : "",
       .attributes = {"city"}});
  Feed(workload, given, recording);
  recording.Seal();
  collector::LifeBook book;
  collector::TypeBook types;
  const auto by_type = collector::OfOneType(thresholds.judgement);
  for (int tick = 1; tick <= 144; ++tick) {
    const int64_t now = (kStartMs + tick * 300'000LL) * 1'000'000;
    recording.SetNow(now);
    if (!book.Update(recording, now).ok() ||
        !types.Update(recording, book.workloads(), 4e9, now).ok() ||
        tick % 6 != 0) {
      continue;
    }
    for (const auto& [name, w] : book.workloads()) {
      for (size_t i = 0; i < w.known.size(); ++i) {
        if (!w.known[i].alive) continue;
        collector::JudgementInput input;
        input.limit_bytes = w.known[i].limit_bytes;
        const auto j = collector::JudgeLifeByUse(w.lives, w.used, i, input,
                                                 thresholds.judgement, now,
                                                 collector::Depth::kInFull);
        std::printf(
            "%5.2f h %s age %5.1f h: %s%s%s %.2f [%.2f, %.2f] %%/h "
            "z %.1f over %.1f h %s%s\n",
            tick / 12.0, w.known[i].info.pod.c_str(),
            static_cast<double>(now - w.lives[i].start_ns) / 3.6e12,
            j.grows ? "grows " : "", j.ticket ? "ticket " : "",
            j.page ? "PAGE " : "",
            j.bytes_per_s.value * 360000 / workload.limit_bytes,
            j.bytes_per_s.lo * 360000 / workload.limit_bytes,
            j.bytes_per_s.hi * 360000 / workload.limit_bytes, j.z,
            j.window_s / 3600, j.by_used ? "by use " : "", j.why_not.c_str());
        ExplainTypes(types.Of(name), w.lives, i, input, by_type, now,
                     workload.limit_bytes);
      }
    }
  }
}

void Dump(const std::vector<MadeWorkload>& fleet, std::ostream& out) {
  std::vector<Text> lines;
  const auto add = [&](double t_s, const char* metric, const PodLife& life,
                       const char* more, double value) {
    char text[512];
    std::snprintf(text, sizeof(text),
                  "%s{namespace=\"bench\",pod=\"%s\",container=\"app\",region="
                  "\"%s\",version=\"%s\"%s} %.10g %.3f\n",
                  metric, life.pod.c_str(), life.region.c_str(),
                  life.version.c_str(), more, value,
                  static_cast<double>(Ms(t_s)) / 1000);
    lines.push_back({t_s, text});
  };
  for (const MadeWorkload& w : fleet) {
    for (const PodLife& life : w.lives) {
      for (size_t i = 0; i < life.ticks.size(); ++i) {
        const Tick& t = life.ticks[i];
        add(t.t_s, "container_memory_rss", life, "", t.bytes);
        add(t.t_s, "process_start_time_seconds", life, "",
            static_cast<double>(Ms(life.start_s)) / 1000);
        if (i % 4 == 0) {
          add(t.t_s, "container_spec_memory_limit_bytes", life, "",
              w.limit_bytes);
        }
        for (size_t c = 0; i % 4 == 0 && c < kCities; ++c) {
          add(t.t_s, "http_requests_total", life,
              (",city=\"" + std::string(kCityNames[c]) + "\"").c_str(),
              life.requests[i][c]);
        }
      }
    }
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.t_s < b.t_s; });
  for (const Text& text : lines) out << text.line;
  out << "# EOF\n";
}

}  // namespace plimsoll::bench

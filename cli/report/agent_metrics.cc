#include "cli/report/agent_metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

constexpr double kMost = 9e15;  // whole in a double, and fits an int64_t

// The value of the line "name value"; nothing when there is none, or when it is
// no number in [-kMost, kMost].
std::optional<double> ValueOf(std::string_view metrics,
                              const std::string& name) {
  const std::string start = absl::StrCat("\n", name, " ");
  const size_t at = metrics.find(start);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = metrics.substr(at + start.size());
  rest = rest.substr(0, rest.find('\n'));
  double value = 0;
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc() || end != rest.data() + rest.size() ||
      !(std::abs(value) <= kMost)) {
    return std::nullopt;
  }
  return value;
}

// Takes figures one by one; once one is missing, all is.
class Figures {
 public:
  explicit Figures(std::string_view metrics) : metrics_(metrics) {}
  void Take(std::string_view name, const std::string& labels, double& out) {
    const auto value = ValueOf(
        metrics_,
        absl::StrCat("plimsoll_agent_", std::string(name), "{", labels, "}"));
    complete_ = complete_ && value.has_value();
    out = value.value_or(0);
  }
  void Take(std::string_view name, const std::string& labels, int64_t& out) {
    double value = 0;
    Take(name, labels, value);
    complete_ = complete_ && value >= 0;
    out = std::llround(value);
  }
  bool complete() const { return complete_; }

 private:
  std::string_view metrics_;
  bool complete_ = true;
};

void TakeTier(const std::string& tier, Figures& figures, GovernorTier& out) {
  const std::string label = absl::StrCat("tier=\"", tier, "\"");
  figures.Take("governor_requests_total", label + ",outcome=\"granted\"",
               out.granted);
  figures.Take("governor_requests_total", label + ",outcome=\"refused\"",
               out.refused);
  figures.Take("governor_revoked_total", label, out.revoked);
  figures.Take("governor_spent_seconds_total", label, out.spent_s);
  figures.Take("governor_budget_left_ratio", label, out.budget_left);
}

std::string Nanoseconds(double seconds) {
  return seconds > 0 ? FormatNanoseconds(std::llround(seconds * 1e9))
                     : "not known";
}

std::string TierText(const GovernorTier& tier) {
  return absl::StrCat(
      FormatCount(tier.granted), " granted, ", FormatCount(tier.refused),
      " refused, ", FormatCount(tier.revoked), " revoked, ",
      FormatNanoseconds(std::llround(tier.spent_s * 1e9)),
      " of the targets' time, ", FormatShare(std::max(0.0, tier.budget_left)),
      " left of the tightest budget");
}

nlohmann::ordered_json TierJson(const GovernorTier& tier) {
  return {{"granted", tier.granted},
          {"refused", tier.refused},
          {"revoked", tier.revoked},
          {"spent_s", tier.spent_s},
          {"budget_left", tier.budget_left}};
}

}  // namespace

std::optional<GovernorView> ParseGovernor(std::string_view metrics) {
  GovernorView view;
  Figures figures(metrics);
  TakeTier("1", figures, view.tier1);
  TakeTier("4", figures, view.tier4);
  figures.Take("hit_cost_seconds", "instruction=\"emulated\"",
               view.emulated_hit_s);
  figures.Take("hit_cost_seconds", "instruction=\"single_stepped\"",
               view.single_stepped_hit_s);
  // Times that FormatNanoseconds can hold.
  constexpr double kMostSeconds = 9e9;
  for (const double seconds :
       {view.tier1.spent_s, view.tier4.spent_s, view.emulated_hit_s,
        view.single_stepped_hit_s}) {
    if (!(seconds >= 0 && seconds < kMostSeconds)) return std::nullopt;
  }
  if (!figures.complete()) return std::nullopt;
  return view;
}

std::string GovernorLine(const GovernorView& view) {
  return absl::StrCat("the agent's probes, always on: ", TierText(view.tier1),
                      "; windows and watches: ", TierText(view.tier4),
                      "; a hit costs ", Nanoseconds(view.emulated_hit_s),
                      ", one that is single-stepped ",
                      Nanoseconds(view.single_stepped_hit_s));
}

nlohmann::ordered_json GovernorJson(const GovernorView& view) {
  return {{"tier1", TierJson(view.tier1)},
          {"tier4", TierJson(view.tier4)},
          {"emulated_hit_s", view.emulated_hit_s},
          {"single_stepped_hit_s", view.single_stepped_hit_s}};
}

}  // namespace plimsoll::cli

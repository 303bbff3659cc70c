#include "collector/notify/silences.h"

#include <absl/time/time.h>
#include <re2/re2.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace plimsoll::collector::notify {
namespace {

using nlohmann::json;

constexpr size_t kMostSilences = 10'000;
constexpr size_t kMostMatchers = 100;
constexpr size_t kMostText = 300;
constexpr int64_t kRegexBytes = 1 << 20;

std::optional<std::string> TextAt(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

bool BoolAt(const json& object, const char* key, bool missing) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() ? found->get<bool>()
                                                      : missing;
}

std::optional<Matcher> ParseMatcher(const json& object) {
  if (!object.is_object()) return std::nullopt;
  const auto name = TextAt(object, "name");
  const auto value = TextAt(object, "value");
  if (!name || name->empty() || !value) return std::nullopt;
  Matcher matcher{*name, *value, BoolAt(object, "isEqual", true), nullptr};
  if (BoolAt(object, "isRegex", false)) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kRegexBytes);
    auto regex = std::make_shared<re2::RE2>("^(?:" + *value + ")$", options);
    if (!regex->ok()) return std::nullopt;
    matcher.regex = std::move(regex);
  }
  return matcher;
}

std::optional<ActiveSilence> ParseSilence(const json& object) {
  if (!object.is_object()) return std::nullopt;
  const auto id = TextAt(object, "id");
  const auto starts = TextAt(object, "startsAt");
  const auto ends = TextAt(object, "endsAt");
  const auto matchers = object.find("matchers");
  if (!id || !starts || !ends || matchers == object.end() ||
      !matchers->is_array() || matchers->empty() ||
      matchers->size() > kMostMatchers) {
    return std::nullopt;
  }
  const auto starts_ns = ParseRfc3339(*starts), ends_ns = ParseRfc3339(*ends);
  if (!starts_ns || !ends_ns) return std::nullopt;
  ActiveSilence out;
  out.silence = {*id, TextAt(object, "createdBy").value_or(""),
                 TextAt(object, "comment").value_or("").substr(0, kMostText),
                 *ends_ns};
  out.starts_at_ns = *starts_ns;
  for (const json& each : *matchers) {
    auto matcher = ParseMatcher(each);
    // One condition that is not understood: it might be the one that spares.
    if (!matcher) return std::nullopt;
    out.matchers.push_back(*std::move(matcher));
  }
  return out;
}

bool IsActive(const json& object) {
  if (!object.is_object()) return true;  // to be counted as unreadable
  const auto status = object.find("status");
  return status == object.end() || !status->is_object() ||
         TextAt(*status, "state").value_or("active") == "active";
}

}  // namespace

std::optional<int64_t> ParseRfc3339(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return std::nullopt;
  }
  // Years past 2262 do not fit; Alertmanager takes any.
  return absl::ToInt64Nanoseconds(time - absl::UnixEpoch());
}

bool Matcher::Matches(const std::map<std::string, std::string>& labels) const {
  const auto at = labels.find(name);
  const std::string& label = at == labels.end() ? std::string() : at->second;
  const bool equal =
      regex != nullptr ? re2::RE2::FullMatch(label, *regex) : label == value;
  return equal == is_equal;
}

absl::StatusOr<Silences> ParseSilences(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_array()) {
    return absl::InvalidArgumentError("silences: not a JSON array");
  }
  Silences out;
  for (const json& object : document) {
    if (!IsActive(object)) continue;
    auto silence = ParseSilence(object);
    if (!silence || out.active.size() >= kMostSilences) {
      ++out.unreadable;
      continue;
    }
    out.active.push_back(*std::move(silence));
  }
  return out;
}

std::optional<Silence> Silencing(
    const std::vector<ActiveSilence>& silences,
    const std::map<std::string, std::string>& labels, int64_t now_ns) {
  const ActiveSilence* last = nullptr;
  for (const ActiveSilence& s : silences) {
    if (s.starts_at_ns > now_ns || s.silence.ends_at_ns <= now_ns) continue;
    if (!std::all_of(s.matchers.begin(), s.matchers.end(),
                     [&](const Matcher& m) { return m.Matches(labels); })) {
      continue;
    }
    if (last == nullptr || s.silence.ends_at_ns > last->silence.ends_at_ns) {
      last = &s;
    }
  }
  return last == nullptr ? std::nullopt : std::optional(last->silence);
}

}  // namespace plimsoll::collector::notify

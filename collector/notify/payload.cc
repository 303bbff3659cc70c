#include "collector/notify/payload.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <string_view>

#include "collector/core/text/json_writer.h"

namespace plimsoll::collector::notify {
namespace {

constexpr char kNotYet[] = "0001-01-01T00:00:00Z";  // Go's zero time

void Strings(JsonWriter& json, std::string_view key,
             const std::map<std::string, std::string>& strings) {
  json.Key(key).BeginObject();
  for (const auto& [name, value] : strings) json.Field(name, value);
  json.EndObject();
}

}  // namespace

std::string FormatRfc3339(int64_t unix_ns) {
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::milliseconds> time{
      std::chrono::milliseconds(unix_ns / 1'000'000)};
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text.data();
}

std::string AlertmanagerBody(const std::vector<Notification>& notifications,
                             int64_t firing_ends_ns) {
  JsonWriter json;
  json.BeginArray();
  for (const Notification& n : notifications) {
    json.BeginObject();
    Strings(json, "labels", n.labels);
    Strings(json, "annotations", n.annotations);
    json.Field("startsAt", FormatRfc3339(n.starts_at_ns));
    json.Field("endsAt",
               FormatRfc3339(n.resolved ? n.ends_at_ns : firing_ends_ns));
    json.Field("generatorURL", n.generator_url);
    json.EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::string WebhookBody(const Notification& n) {
  const char* status = n.resolved ? "resolved" : "firing";
  const std::string url =
      n.generator_url.substr(0, n.generator_url.find("/incidents/"));
  JsonWriter json;
  json.BeginObject();
  json.Field("version", "4");
  json.Field("groupKey", "plimsoll/" + n.incident_id);
  json.Field("truncatedAlerts", int64_t{0});
  json.Field("status", status);
  json.Field("receiver", "plimsoll");
  Strings(json, "groupLabels", n.labels);
  Strings(json, "commonLabels", n.labels);
  Strings(json, "commonAnnotations", n.annotations);
  json.Field("externalURL", url);
  json.Key("alerts").BeginArray().BeginObject();
  json.Field("status", status);
  Strings(json, "labels", n.labels);
  Strings(json, "annotations", n.annotations);
  json.Field("startsAt", FormatRfc3339(n.starts_at_ns));
  json.Field("endsAt",
             n.resolved ? FormatRfc3339(n.ends_at_ns) : std::string(kNotYet));
  json.Field("generatorURL", n.generator_url);
  json.Field("fingerprint", Fingerprint(n.labels));
  json.EndObject().EndArray().EndObject();
  return json.Take();
}

std::string Fingerprint(const std::map<std::string, std::string>& labels) {
  constexpr unsigned char kSeparator = 255;
  uint64_t hash = 14695981039346656037ULL;
  const auto add = [&](unsigned char byte) {
    hash = (hash ^ byte) * 1099511628211ULL;
  };
  const auto add_text = [&](const std::string& text) {
    for (const char c : text) add(static_cast<unsigned char>(c));
    add(kSeparator);
  };
  for (const auto& [name, value] : labels) {
    add_text(name);
    add_text(value);
  }
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%016llx",
                static_cast<unsigned long long>(hash));
  return text.data();
}

}  // namespace plimsoll::collector::notify

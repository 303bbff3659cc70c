// What a side of a comparison is, from the words that name it.
#include <algorithm>
#include <charconv>
#include <set>

#include "collector/core/diagnosis/comparison.h"
#include "collector/core/text/duration.h"
#include "collector/core/text/format.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kFirstUnix = 1'000'000'000;  // 2001
constexpr int64_t kLastUnix = 4'102'444'800;   // the year 2100
constexpr size_t kMostNamed = 8;

// The end of the span: "now", "2h", unix seconds; nothing if it is none.
std::optional<int64_t> ParseEnd(const std::string& text, int64_t now_ns) {
  if (text == "now") return now_ns;
  if (const auto ago = ParseDurationNs(text)) return now_ns - *ago;
  int64_t number = 0;
  const char* limit = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), limit, number);
  // Too small for a date: a number without its unit.
  if (error != std::errc() || end != limit || number < kFirstUnix ||
      number > kLastUnix) {
    return std::nullopt;
  }
  return number * kSecond;
}

using Field = const std::string& (*)(const ProcessInfo&);
const std::string& ClusterOf(const ProcessInfo& p) {
  return p.workload.cluster;
}
const std::string& RegionOf(const ProcessInfo& p) { return p.region; }
const std::string& VersionOf(const ProcessInfo& p) { return p.version; }
const std::string& ZoneOf(const ProcessInfo& p) { return p.zone; }
const std::string& NodeOf(const ProcessInfo& p) { return p.node; }

std::set<std::string> Values(const std::vector<ProcessInfo>& processes,
                             Field field) {
  std::set<std::string> values;
  for (const ProcessInfo& p : processes) {
    if (!field(p).empty()) values.insert(field(p));
  }
  return values;
}

std::string Listed(const char* what, const std::set<std::string>& values) {
  if (values.empty()) return std::string("; no ") + what + " is known";
  std::vector<std::string> some;
  for (const std::string& value : values) {
    if (some.size() < kMostNamed) some.push_back(value);
  }
  return std::string("; ") + what + "s: " + Join(some, ", ") +
         (values.size() > some.size() ? ", ..." : "");
}

absl::Status NotKnown(const std::string& item,
                      const std::vector<ProcessInfo>& processes) {
  return absl::InvalidArgumentError(
      "\"" + item +
      "\" is no time (now, 2h, unix seconds) and no region or version of this "
      "workload" +
      Listed("region", Values(processes, &RegionOf)) +
      Listed("version", Values(processes, &VersionOf)));
}

absl::Status TakeItem(const std::string& item,
                      const std::vector<ProcessInfo>& processes, int64_t now_ns,
                      SideSpec* side) {
  struct Key {
    const char* name;
    std::string SideSpec::*into;
    Field of;
  };
  static constexpr Key kKeys[] = {{"region", &SideSpec::region, &RegionOf},
                                  {"version", &SideSpec::version, &VersionOf},
                                  {"cluster", &SideSpec::cluster, &ClusterOf},
                                  {"zone", &SideSpec::zone, &ZoneOf},
                                  {"node", &SideSpec::node, &NodeOf}};
  const size_t equals = item.find('=');
  const std::string name = item.substr(0, equals);
  const bool keyed = equals != std::string::npos;
  const std::string value = keyed ? item.substr(equals + 1) : item;
  if (!keyed || name == "time") {
    if (const auto end = ParseEnd(value, now_ns)) {
      side->to_ns = *end;
      return absl::OkStatus();
    }
    if (keyed) return NotKnown(value, processes);
  }
  for (const Key& key : kKeys) {
    if (keyed && name != key.name) continue;
    if (!Values(processes, key.of).contains(value)) continue;
    side->*key.into = value;
    return absl::OkStatus();
  }
  return NotKnown(item, processes);
}

}  // namespace

absl::StatusOr<SideSpec> ParseSide(const std::string& text,
                                   const std::vector<ProcessInfo>& processes,
                                   int64_t span_ns, int64_t now_ns) {
  SideSpec side;
  side.text = text;
  side.to_ns = now_ns;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const absl::Status taken =
        TakeItem(text.substr(begin, comma - begin), processes, now_ns, &side);
    if (!taken.ok()) return taken;
    begin = comma + 1;
  }
  side.from_ns = side.to_ns - span_ns;
  return side;
}

}  // namespace plimsoll::collector

// Silences of Alertmanager: the answer of GET /api/v2/silences as values, and
// whether one holds for a set of labels. Pure; the answer is foreign.
// Source: api/v2/openapi.yaml of Alertmanager (gettableSilences, matcher); a
// regular expression is anchored at both ends and is RE2's.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_SILENCES_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_SILENCES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/core/incident/incident.h"

namespace re2 {
class RE2;
}

namespace plimsoll::collector::notify {

struct Matcher {
  std::string name, value;
  bool is_equal = true;
  std::shared_ptr<const re2::RE2> regex;  // null: the value itself
  bool Matches(const std::map<std::string, std::string>& labels) const;
};

struct ActiveSilence {
  Silence silence;
  int64_t starts_at_ns = 0;
  std::vector<Matcher> matchers;
};

struct Silences {
  std::vector<ActiveSilence> active;
  int unreadable = 0;  // silences that were passed over
};

// Expired and pending ones are left out. InvalidArgument when it is no array;
// a silence that does not parse is passed over and counted.
absl::StatusOr<Silences> ParseSilences(std::string_view text);

// The one that ends last.
std::optional<Silence> Silencing(
    const std::vector<ActiveSilence>& silences,
    const std::map<std::string, std::string>& labels, int64_t now_ns);

// "2026-11-21T11:47:46.123Z", also with an offset.
std::optional<int64_t> ParseRfc3339(const std::string& text);

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_SILENCES_H_

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "collector/store/store_impl.h"
#include "plimsoll/base/sampled_share.h"

namespace plimsoll::collector::store {
namespace {

using Json = nlohmann::json;

// 0 for what is no integer; the library would cast 1e300 to one, which is
// undefined.
int64_t IntegerAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer()
             ? found->get<int64_t>()
             : 0;
}

std::vector<Frame> ParseFrames(const Json& frames) {
  std::vector<Frame> out;
  for (const Json& frame : frames) {
    out.push_back({frame.value("function", ""), frame.value("file", ""),
                   frame.value("module", ""),
                   static_cast<int32_t>(IntegerAt(frame, "line")),
                   frame.value("native", false)});
  }
  return out;
}

// Of these alone a later look has shown that the same object, or block, was
// still there. What a window saw made may have been dropped, and its address
// handed on to the next of its type.
bool IsFollowed(const std::string& kind) {
  return kind == "birth" || kind == "native";
}

// What the figure of a kind is, and is not.
const char* Note(const std::string& kind) {
  if (kind == "birth") return "born here and still alive when looked at again";
  if (kind == "native") {
    return "asked of malloc here and still there when looked at again";
  }
  if (kind == "store") return "stored here into a container that grows";
  if (kind == "page") return "took fresh pages here; not all of it stays";
  return "allocated here in the window; how much of it stayed is not known";
}

// Of what was sampled, by type: these rows stand for the others of it.
template <typename Weight>
void AddIntervals(const Weight& weight, std::vector<StackEvidence>& rows) {
  std::map<std::string, std::vector<StackEvidence*>> by_type;
  for (StackEvidence& row : rows) {
    if (row.samples > 0) by_type[row.type].push_back(&row);
  }
  for (const auto& [type, mine] : by_type) {
    std::vector<SampledRow> sampled;
    for (const StackEvidence* row : mine) {
      sampled.push_back({weight(*row), row->samples});
    }
    const std::vector<ShareInterval> shares = SampledShares(sampled);
    for (size_t i = 0; i < mine.size(); ++i) {
      mine[i]->share = shares[i].share;
      mine[i]->share_low = shares[i].low;
      mine[i]->share_high = shares[i].high;
    }
  }
}

std::vector<StackEvidence> Parse(const Json& profile,
                                 const StoredDocument& document) {
  std::vector<StackEvidence> rows;
  std::map<std::string, double> all_of_type;
  // Blocks of malloc differ in size: they are weighed by bytes.
  const auto weight = [](const StackEvidence& row) {
    return static_cast<double>(row.kind == "native" ? row.bytes : row.objects);
  };
  for (const Json& count : profile.at("stacks")) {
    if (count.value("probe", "") == "PyObject_Free") continue;
    StackEvidence row;
    row.kind = profile.value("kind", "");
    row.type = count.value("type", "");
    row.net_counts_refused = profile.value("net_counts_refused", false);
    row.time_ns = document.time_ns;
    row.window_ns = document.window_ns;
    if (IsFollowed(row.kind)) {
      row.samples = IntegerAt(count, "allocations");
    }
    int64_t surviving = IntegerAt(count, "surviving_objects");
    bool survivors = IsFollowed(row.kind) && surviving > 0;
    row.objects = survivors ? surviving : IntegerAt(count, "allocations");
    row.bytes =
        IntegerAt(count, survivors ? "surviving_bytes" : "allocated_bytes");
    row.note = Note(row.kind);
    if (std::string why = profile.value("refusal", ""); !why.empty()) {
      row.note += "; net counts refused: " + why;
    }
    row.frames = ParseFrames(count.at("frames"));
    all_of_type[row.type] += weight(row);
    rows.push_back(std::move(row));
  }
  if (std::string why = profile.value("refusal", "");
      rows.empty() && !why.empty()) {
    StackEvidence none;
    none.kind = profile.value("kind", "");
    none.time_ns = document.time_ns;
    none.window_ns = document.window_ns;
    none.refusal = std::move(why);
    return {std::move(none)};
  }
  for (StackEvidence& row : rows) {
    const double all = all_of_type[row.type];
    row.share = row.share_low = row.share_high =
        all > 0 ? weight(row) / all : 0;
  }
  AddIntervals(weight, rows);
  std::stable_sort(rows.begin(), rows.end(),
                   [&weight](const StackEvidence& a, const StackEvidence& b) {
                     return weight(a) > weight(b);
                   });
  return rows;
}

}  // namespace

std::vector<StackEvidence> ParseStacks(const StoredDocument& document) {
  try {
    return Parse(Json::parse(document.json), document);
  } catch (const Json::exception&) {
    return {};
  }
}

std::optional<double> ParseCoverage(const std::string& census_json) {
  const Json census = Json::parse(census_json, nullptr, false);
  const Json::json_pointer share("/coverage/share");
  if (!census.is_object() || !census.contains(share) ||
      !census[share].is_number()) {
    return std::nullopt;
  }
  return census[share].get<double>();
}

}  // namespace plimsoll::collector::store

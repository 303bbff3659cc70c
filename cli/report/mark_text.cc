#include "cli/report/mark_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/report/document.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

using nlohmann::ordered_json;

constexpr char kSchema[] = "plimsoll.mark-file/1";
constexpr char kSuffix[] = ".mark";
constexpr size_t kMaxName = 64;
constexpr size_t kMaxText = 1024;
constexpr size_t kBootDigits = 8;
// More than any memory, count or time, and far from overflow when two are
// added.
constexpr int64_t kMostNumber = int64_t{1} << 60;
constexpr int kDepth = 2;  // the object, "types", a row

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(
      absl::StrCat("not a mark that can be read: ", std::string(what)));
}

// Nothing of what is deeper or longer than a mark can be is kept.
ordered_json ParseBounded(std::string_view text) {
  size_t rows = 0;
  const auto keep = [&rows](int depth, ordered_json::parse_event_t event,
                            ordered_json& /*parsed*/) {
    if (event == ordered_json::parse_event_t::array_start) ++rows;
    return depth <= kDepth + 1 && rows <= kMaxMarkedTypes + 1;
  };
  return ordered_json::parse(text, keep, false);
}

// Takes the fields of an object; the first that is missing or wrong is named.
class Fields {
 public:
  explicit Fields(const ordered_json& object) : object_(object) {}

  void Take(const char* key, std::string& out) {
    const ordered_json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_string()) return Fail(key);
    out = value->get<std::string>();
    if (out.size() > kMaxText) Fail(key);
  }
  void Take(const char* key, double& out) {
    const ordered_json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_number()) return Fail(key);
    out = value->get<double>();
    if (!(std::abs(out) <= static_cast<double>(kMostNumber))) Fail(key);
  }
  void Take(const char* key, bool& out) {
    const ordered_json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return Fail(key);
    out = value->get<bool>();
  }
  void Take(const char* key, int64_t& out) {
    uint64_t number = 0;
    TakeNumber(key, kMostNumber, number);
    out = static_cast<int64_t>(number);
  }
  // An address or a count of ticks: any 64 bits.
  void Take(const char* key, uint64_t& out) {
    TakeNumber(key, UINT64_MAX, out);
  }
  void Take(const char* key, int32_t& out) {
    uint64_t number = 0;
    TakeNumber(key, INT32_MAX, number);
    out = static_cast<int32_t>(number);
  }
  const absl::Status& status() const { return status_; }

 private:
  const ordered_json* Find(const char* key) {
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    Fail(key);
    return nullptr;
  }
  void TakeNumber(const char* key, uint64_t most, uint64_t& out) {
    const ordered_json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_number_unsigned()) return Fail(key);
    const auto number = value->get<uint64_t>();
    if (number > most) return Fail(key);
    out = number;
  }
  void Fail(const char* key) {
    if (status_.ok()) status_ = Damaged(absl::StrCat("its \"", key, "\""));
  }

  const ordered_json& object_;
  absl::Status status_;
};

bool IsCount(const ordered_json& value) {
  return value.is_number_unsigned() &&
         value.get<uint64_t>() <= static_cast<uint64_t>(kMostNumber);
}

absl::Status TakeTypes(const ordered_json& document,
                       std::vector<core::TypeCount>& out) {
  const auto types = document.find("types");
  if (types == document.end() || !types->is_array()) {
    return Damaged("its \"types\"");
  }
  for (const ordered_json& row : *types) {
    if (!row.is_array() || row.size() != 4 || !row[0].is_string() ||
        !IsCount(row[1]) || !IsCount(row[2]) || !row[3].is_number()) {
      return Damaged("a row of its \"types\"");
    }
    core::TypeCount count;
    count.type = row[0].get<std::string>();
    count.objects = row[1].get<int64_t>();
    count.bytes = row[2].get<int64_t>();
    count.standard_error = row[3].get<double>();
    if (count.type.size() > kMaxText || !(count.standard_error >= 0) ||
        count.standard_error > static_cast<double>(kMostNumber)) {
      return Damaged("a row of its \"types\"");
    }
    out.push_back(std::move(count));
  }
  return absl::OkStatus();
}

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

// The decimal number up to `end`, which is taken too.
template <typename Number>
bool TakeDecimal(std::string_view& text, char end, Number& out) {
  const auto [rest, error] =
      std::from_chars(text.data(), text.data() + text.size(), out);
  const auto digits = static_cast<size_t>(rest - text.data());
  if (error != std::errc() || digits >= text.size() || text[digits] != end ||
      text[0] == '-' || (text[0] == '0' && digits > 1)) {
    return false;
  }
  text.remove_prefix(digits + 1);
  return true;
}

}  // namespace

bool IsMarkName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name[0] != '.' &&
         name[0] != '-' && std::all_of(name.begin(), name.end(), [](char c) {
           return IsLetterOrDigit(c) || c == '.' || c == '_' || c == '-';
         });
}

std::string MarkFileName(const MarkedProcess& process, std::string_view name) {
  return absl::StrCat(process.pid, "-", process.start_ticks, "-",
                      process.boot_id.substr(0, kBootDigits), "-",
                      std::string(name), kSuffix);
}

std::optional<MarkFile> ParseMarkFileName(std::string_view file_name) {
  MarkFile file;
  if (!file_name.ends_with(kSuffix)) return std::nullopt;
  std::string_view text =
      file_name.substr(0, file_name.size() - std::string_view(kSuffix).size());
  if (!TakeDecimal(text, '-', file.process.pid) ||
      !TakeDecimal(text, '-', file.process.start_ticks) ||
      text.size() <= kBootDigits || text[kBootDigits] != '-') {
    return std::nullopt;
  }
  file.process.boot_id = std::string(text.substr(0, kBootDigits));
  file.name = std::string(text.substr(kBootDigits + 1));
  if (!IsMarkName(file.name) ||
      !std::all_of(file.process.boot_id.begin(), file.process.boot_id.end(),
                   IsLetterOrDigit)) {
    return std::nullopt;
  }
  return file;
}

std::string MarkText(const Mark& mark) {
  ordered_json document;
  document["schema"] = kSchema;
  document["name"] = mark.name;
  document["pid"] = mark.process.pid;
  document["start_ticks"] = mark.process.start_ticks;
  document["boot_id"] = mark.process.boot_id;
  document["start_code"] = mark.start_code;
  document["start_stack"] = mark.start_stack;
  document["python"] = mark.python;
  document["workload"] = mark.workload;
  document["start_unix_s"] = mark.start_unix_s;
  document["taken_unix_s"] = mark.taken_unix_s;
  document["boottime_ns"] = mark.look.boottime_ns;
  document["anon_bytes"] = mark.look.anon_bytes;
  document["python_bytes"] = mark.look.python_bytes;
  document["free_bytes"] = mark.look.free_bytes;
  document["sampled"] = mark.look.census.coverage.sampled;
  document["other_types"] = mark.look.census.other_types;
  auto& types = document["types"] = ordered_json::array();
  for (const core::TypeCount& count : mark.look.census.types) {
    types.push_back(
        {count.type, count.objects, count.bytes, count.standard_error});
  }
  return Serialize(document);
}

absl::StatusOr<Mark> ParseMark(std::string_view text) {
  if (text.size() > kMaxMarkBytes) return Damaged("it is too large");
  const ordered_json document = ParseBounded(text);
  if (!document.is_object()) return Damaged("no JSON object of a mark's size");
  Fields fields(document);
  std::string schema;
  fields.Take("schema", schema);
  if (schema != kSchema) return Damaged("its \"schema\"");
  Mark mark;
  fields.Take("name", mark.name);
  if (!IsMarkName(mark.name)) return Damaged("its \"name\"");
  fields.Take("pid", mark.process.pid);
  fields.Take("start_ticks", mark.process.start_ticks);
  fields.Take("boot_id", mark.process.boot_id);
  fields.Take("start_code", mark.start_code);
  fields.Take("start_stack", mark.start_stack);
  fields.Take("python", mark.python);
  fields.Take("workload", mark.workload);
  fields.Take("start_unix_s", mark.start_unix_s);
  fields.Take("taken_unix_s", mark.taken_unix_s);
  fields.Take("boottime_ns", mark.look.boottime_ns);
  fields.Take("anon_bytes", mark.look.anon_bytes);
  fields.Take("python_bytes", mark.look.python_bytes);
  fields.Take("free_bytes", mark.look.free_bytes);
  fields.Take("sampled", mark.look.census.coverage.sampled);
  fields.Take("other_types", mark.look.census.other_types);
  PLIMSOLL_RETURN_IF_ERROR(fields.status());
  PLIMSOLL_RETURN_IF_ERROR(TakeTypes(document, mark.look.census.types));
  return mark;
}

}  // namespace plimsoll::cli

#include "agent/workload/multiprocess_file.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

namespace plimsoll::workload {
namespace {

constexpr size_t kHeaderBytes = 8;
constexpr size_t kMaxKeyBytes = 64 << 10;
constexpr size_t kMaxEntries = 100'000;

template <typename T>
std::optional<T> Get(std::string_view bytes, size_t at) {
  if (bytes.size() < sizeof(T) || at > bytes.size() - sizeof(T)) {
    return std::nullopt;
  }
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

using Labels = std::vector<std::pair<std::string, std::string>>;

std::optional<Labels> ParseLabels(const nlohmann::json& key) {
  Labels labels;
  if (key[2].is_object()) {
    for (const auto& [name, value] : key[2].items()) {
      if (!value.is_string()) return std::nullopt;
      labels.emplace_back(name, value.get<std::string>());
    }
    return labels;
  }
  if (key.size() < 4 || !key[2].is_array() || !key[3].is_array() ||
      key[2].size() != key[3].size()) {
    return std::nullopt;
  }
  for (size_t i = 0; i < key[2].size(); ++i) {
    if (!key[2][i].is_string() || !key[3][i].is_string()) return std::nullopt;
    labels.emplace_back(key[2][i].get<std::string>(),
                        key[3][i].get<std::string>());
  }
  return labels;
}

std::optional<core::RequestCount> ParseKey(std::string_view text) {
  // No exceptions: a bad text gives a discarded value.
  auto key = nlohmann::json::parse(text, nullptr, false);
  if (!key.is_array() || key.size() < 3 || !key[0].is_string() ||
      !key[1].is_string()) {
    return std::nullopt;
  }
  auto labels = ParseLabels(key);
  if (!labels) return std::nullopt;
  core::RequestCount count;
  count.metric = key[1].get<std::string>();
  count.attributes = *std::move(labels);
  return count;
}

// All entries with `tail` bytes behind each key; nullopt when one does not
// parse.
std::optional<std::vector<core::RequestCount>> ParseEntries(
    std::string_view bytes, size_t tail) {
  std::vector<core::RequestCount> counts;
  size_t at = kHeaderBytes;
  while (at < bytes.size()) {
    auto length = Get<int32_t>(bytes, at);
    if (!length || *length <= 0 ||
        static_cast<size_t>(*length) > kMaxKeyBytes ||
        counts.size() >= kMaxEntries) {
      return std::nullopt;
    }
    size_t key_at = at + sizeof(int32_t);
    size_t key_bytes = static_cast<size_t>(*length);
    size_t value_at = key_at + key_bytes + (8 - (key_bytes + 4) % 8);
    auto value = Get<double>(bytes, value_at);
    if (!value || value_at + tail > bytes.size()) {
      return std::nullopt;
    }
    auto count = ParseKey(bytes.substr(key_at, key_bytes));
    if (!count) return std::nullopt;
    // A count that is none is not shipped; the rest of the file is.
    if (std::isfinite(*value) && *value >= 0) {
      count->value = *value;
      counts.push_back(*std::move(count));
    }
    at = value_at + tail;
  }
  return counts;
}

}  // namespace

absl::StatusOr<std::vector<core::RequestCount>> ParseMultiprocessFile(
    std::string_view bytes) {
  auto used = Get<int32_t>(bytes, 0);
  if (!used) {
    return absl::InvalidArgumentError("multiprocess file: no header");
  }
  // A file that was just created.
  if (*used == 0) return std::vector<core::RequestCount>();
  if (*used < static_cast<int32_t>(kHeaderBytes) ||
      static_cast<size_t>(*used) > bytes.size()) {
    return absl::InvalidArgumentError("multiprocess file: says that it uses " +
                                      std::to_string(*used) + " bytes of " +
                                      std::to_string(bytes.size()));
  }
  std::string_view entries = bytes.substr(0, static_cast<size_t>(*used));
  for (size_t tail : {2 * sizeof(double), sizeof(double)}) {
    if (auto counts = ParseEntries(entries, tail)) return *std::move(counts);
  }
  return absl::InvalidArgumentError(
      "multiprocess file: an entry is cut or is not JSON");
}

}  // namespace plimsoll::workload

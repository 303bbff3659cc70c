#include "collector/core/types/type_table.h"

#include <algorithm>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

// One process: adds its types to the rows.
absl::Status AddProcess(const FleetReader& reader, ProcessKey process,
                        int64_t from_ns, int64_t to_ns,
                        std::map<std::string, TypeRow>* rows,
                        TypeTable* table) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                            reader.Series(process, metric::kTypeObjects));
  struct Found {
    std::string type;
    std::vector<Sample> objects;
  };
  std::vector<Found> found;
  int64_t first = to_ns, last = 0;
  for (const SeriesName& name : names) {
    PLIMSOLL_ASSIGN_OR_RETURN(auto objects,
                              reader.Read(process, name, from_ns, to_ns));
    if (objects.empty()) continue;
    first = std::min(first, objects.front().time_ns);
    last = std::max(last, objects.back().time_ns);
    found.push_back({name.label, std::move(objects)});
  }
  if (found.empty()) return absl::OkStatus();
  ++table->processes;
  table->span_s += static_cast<double>(last - first) / 1e9;
  for (const Found& f : found) {
    if (f.objects.back().time_ns != last) continue;
    PLIMSOLL_ASSIGN_OR_RETURN(
        const auto bytes,
        reader.Read(process, {metric::kTypeBytes, f.type}, from_ns, to_ns));
    TypeRow& row = (*rows)[f.type];
    row.type = f.type;
    ++row.processes;
    row.objects += f.objects.back().value;
    row.objects_delta += f.objects.back().value - f.objects.front().value;
    if (bytes.empty()) continue;
    row.bytes += bytes.back().value;
    row.bytes_delta += bytes.back().value - bytes.front().value;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TypeTable> ReadTypeTable(
    const FleetReader& reader, const std::vector<ProcessKey>& processes,
    int64_t from_ns, int64_t to_ns) {
  TypeTable table;
  std::map<std::string, TypeRow> rows;
  for (const ProcessKey process : processes) {
    PLIMSOLL_RETURN_IF_ERROR(
        AddProcess(reader, process, from_ns, to_ns, &rows, &table));
  }
  if (table.processes > 0) table.span_s /= table.processes;
  for (auto& [type, row] : rows) table.rows.push_back(std::move(row));
  std::stable_sort(
      table.rows.begin(), table.rows.end(),
      [](const TypeRow& a, const TypeRow& b) { return a.bytes > b.bytes; });
  return table;
}

}  // namespace plimsoll::collector

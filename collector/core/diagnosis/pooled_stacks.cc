#include "collector/core/diagnosis/pooled_stacks.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "plimsoll/base/sampled_share.h"

namespace plimsoll::collector {
namespace {

bool IsFollowed(const StackEvidence& row) {
  return row.samples > 0 && (row.kind == "birth" || row.kind == "native");
}

std::string KeyOf(const StackEvidence& row) {
  std::string key = row.kind + "\n" + row.type;
  for (const Frame& frame : row.frames) {
    key += "\n" + frame.file + "\t" + std::to_string(frame.line) + "\t" +
           frame.function + "\t" + frame.module;
  }
  return key;
}

// Blocks of malloc differ in size: they are weighed by bytes.
double StandsFor(const StackEvidence& row) {
  return static_cast<double>(row.kind == "native" ? row.bytes : row.objects);
}

void ShareOut(std::vector<StackEvidence>& rows) {
  std::map<std::pair<std::string, std::string>, std::vector<StackEvidence*>>
      by_type;
  for (StackEvidence& row : rows) {
    if (IsFollowed(row)) by_type[{row.kind, row.type}].push_back(&row);
  }
  for (const auto& [type, mine] : by_type) {
    std::vector<SampledRow> sampled;
    for (const StackEvidence* row : mine) {
      sampled.push_back({StandsFor(*row), row->samples});
    }
    const std::vector<ShareInterval> shares = SampledShares(sampled);
    for (size_t i = 0; i < mine.size(); ++i) {
      mine[i]->share = shares[i].share;
      mine[i]->share_low = shares[i].low;
      mine[i]->share_high = shares[i].high;
    }
  }
}

}  // namespace

std::vector<StackEvidence> PoolFollowed(std::vector<StackEvidence> rows) {
  std::vector<StackEvidence> out;
  std::map<std::string, size_t> places;
  for (StackEvidence& row : rows) {
    if (!IsFollowed(row)) {
      out.push_back(std::move(row));
      continue;
    }
    const auto [at, is_new] = places.try_emplace(KeyOf(row), out.size());
    if (is_new) {
      out.push_back(std::move(row));
      continue;
    }
    StackEvidence& sum = out[at->second];
    sum.samples += row.samples;
    sum.objects += row.objects;
    sum.bytes += row.bytes;
    sum.time_ns = std::max(sum.time_ns, row.time_ns);
  }
  ShareOut(out);
  return out;
}

bool IsFirstLineSure(const std::vector<StackEvidence>& rows) {
  constexpr double kMost = 0.5;
  return rows.empty() || rows.front().samples == 0 ||
         rows.front().share_low >= kMost;
}

}  // namespace plimsoll::collector

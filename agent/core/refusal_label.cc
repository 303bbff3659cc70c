#include "agent/core/refusal_label.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace plimsoll::core {
namespace {

constexpr size_t kLongestLabel = 120;
constexpr size_t kLongNumber = 3;  // digits; x86 and 3.13t are no figures

bool IsDigit(char c) { return absl::ascii_isdigit(c); }

// The word without brackets, quotes and stops around it.
std::string_view Bare(std::string_view word) {
  constexpr std::string_view kAround = "()[]\"',.;:%";
  const size_t begin = word.find_first_not_of(kAround);
  if (begin == std::string_view::npos) return {};
  return word.substr(begin, word.find_last_not_of(kAround) - begin + 1);
}

bool IsVersion(std::string_view bare) {
  return std::count(bare.begin(), bare.end(), '.') > 0 &&
         std::all_of(bare.begin(), bare.end(),
                     [](char c) { return IsDigit(c) || c == '.'; });
}

bool PrecedesVersion(std::string_view bare) {
  for (std::string_view word : {"CPython", "Python", "kernel", "kernels",
                                "Linux", "to", "and", "before"}) {
    if (bare == word) return true;
  }
  return false;
}

// Runs of digits, with their points and commas, as "N".
std::string WithoutFigures(std::string_view word) {
  const bool has_letters = std::any_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_isalpha(c) || c == '_';
  });
  if (Bare(word).starts_with("0x")) return "N";
  std::string out;
  for (size_t i = 0; i < word.size();) {
    size_t end = i;
    while (end < word.size() &&
           (IsDigit(word[end]) ||
            (end > i && end + 1 < word.size() && IsDigit(word[end + 1]) &&
             (word[end] == '.' || word[end] == ',')))) {
      ++end;
    }
    if (end == i) {
      out += word[i++];
    } else {
      const bool keep = has_letters && (end - i < kLongNumber ||
                                        IsVersion(word.substr(i, end - i)));
      out += keep ? word.substr(i, end - i) : "N";
      i = end;
    }
  }
  return out;
}

// A path may have spaces in it: its words are not told from those of another.
void HidePaths(std::vector<std::string>& words) {
  const auto has_slash = [](const std::string& word) {
    return word.find('/') != std::string::npos;
  };
  const auto first = std::find_if(words.begin(), words.end(), has_slash);
  if (first == words.end()) return;
  const auto last = std::find_if(words.rbegin(), words.rend(), has_slash);
  *first = "...";
  words.erase(first + 1, last.base());
}

}  // namespace

std::string RefusalLabel(std::string_view reason) {
  std::string text(reason);
  for (char& c : text) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = ' ';
  }
  std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  HidePaths(words);
  std::string before;
  for (std::string& word : words) {
    std::string bare(Bare(word));
    if (!PrecedesVersion(before) || !IsVersion(bare)) {
      word = WithoutFigures(word);
    }
    before = std::move(bare);
  }
  std::string label = absl::StrJoin(words, " ").substr(0, kLongestLabel);
  return label.empty() ? "no reason given" : label;
}

RefusalCounts BoundRefusals(const RefusalCounts& counts, size_t most) {
  std::vector<std::pair<std::string, int64_t>> ranked(counts.begin(),
                                                      counts.end());
  std::stable_sort(
      ranked.begin(), ranked.end(),
      [](const auto& a, const auto& b) { return a.second > b.second; });
  RefusalCounts bounded;
  for (size_t i = 0; i < ranked.size(); ++i) {
    bounded[i < most ? ranked[i].first : kOtherRefusals] += ranked[i].second;
  }
  return bounded;
}

}  // namespace plimsoll::core

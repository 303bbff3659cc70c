#include "collector/core/backtest/workload_of_pod.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

constexpr size_t kSuffix = 5;  // of a pod
constexpr size_t kLeastHash = 5, kMostHash = 10;
constexpr size_t kLeastCronTime = 8;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool AllDigits(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), IsDigit);
}

// k8s.io/apimachinery/pkg/util/rand: no vowels and no digits that look like
// letters, so that no words come out.
bool IsSafeRandom(std::string_view s) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  return s.find_first_not_of(kAlphabet) == std::string_view::npos;
}

// Random all the same: letters and digits, and not a word with a number.
bool LooksRandom(std::string_view s) {
  if (IsSafeRandom(s)) return true;
  if (!std::all_of(s.begin(), s.end(),
                   [](char c) { return IsDigit(c) || IsLower(c); })) {
    return false;
  }
  const auto digit = std::find_if(s.begin(), s.end(), IsDigit);
  return digit != s.end() && !std::all_of(digit, s.end(), IsDigit);
}

std::string_view LastPart(std::string_view name) {
  const size_t dash = name.rfind('-');
  return dash == std::string_view::npos || dash == 0 ? std::string_view()
                                                     : name.substr(dash + 1);
}

std::string_view WithoutLast(std::string_view name) {
  return name.substr(0, name.rfind('-'));
}

}  // namespace

std::string WorkloadOfPod(std::string_view pod) {
  std::string_view last = LastPart(pod);
  if (AllDigits(last)) {
    return std::string(WithoutLast(pod));
  }
  if (last.size() != kSuffix || !LooksRandom(last)) return std::string(pod);
  const std::string_view rest = WithoutLast(pod);
  last = LastPart(rest);
  const bool hash = last.size() >= kLeastHash && last.size() <= kMostHash &&
                    LooksRandom(last);
  const bool cron = last.size() >= kLeastCronTime && AllDigits(last);
  return std::string(hash || cron ? WithoutLast(rest) : rest);
}

}  // namespace plimsoll::collector

#include "collector/http/http_guard.h"

#include <spdlog/spdlog.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/escaping.h"
#include "plimsoll/base/secret_file.h"

namespace plimsoll::collector::http {
namespace {

constexpr size_t kMostAddresses = 4096;

void Count(RefusalCounter* refusals, Refusal refusal) {
  if (refusals != nullptr) refusals->Count(refusal);
}

// Removes `prefix`, whatever its case, from the front of `text`.
bool ConsumeScheme(std::string_view prefix, std::string_view* text) {
  if (text->size() < prefix.size()) return false;
  for (size_t i = 0; i < prefix.size(); ++i) {
    const char c = (*text)[i];
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if (lower != prefix[i]) return false;
  }
  text->remove_prefix(prefix.size());
  return true;
}

class RateByAddress {
 public:
  RateByAddress(Rate rate, std::function<int64_t()> now_ns)
      : rate_(rate), now_ns_(std::move(now_ns)) {}
  bool Take(const std::string& address) {
    const std::lock_guard lock(mutex_);
    const int64_t now = now_ns_();
    if (buckets_.size() >= kMostAddresses) {
      std::erase_if(buckets_,
                    [&](auto& entry) { return entry.second.full(now); });
    }
    // So many at once are no people: the newcomers share one bucket.
    const bool shared =
        buckets_.size() >= kMostAddresses && !buckets_.contains(address);
    TokenBucket& bucket =
        buckets_.try_emplace(shared ? "" : address, rate_, now).first->second;
    if (bucket.WaitNs(now) > 0) return false;
    bucket.Take(1, now);
    return true;
  }

 private:
  const Rate rate_;
  const std::function<int64_t()> now_ns_;
  std::mutex mutex_;
  std::map<std::string, TokenBucket> buckets_;
};

}  // namespace

std::string TokenOf(std::string_view authorization) {
  std::string_view rest = authorization;
  if (ConsumeScheme("bearer ", &rest)) return std::string(rest);
  rest = authorization;
  std::string decoded;
  if (!ConsumeScheme("basic ", &rest) ||
      !absl::Base64Unescape({rest.data(), rest.size()}, &decoded)) {
    return "";
  }
  const size_t colon = decoded.find(':');
  return colon == std::string::npos ? "" : decoded.substr(colon + 1);
}

Handler GuardByToken(std::string token_file, RefusalCounter* refusals,
                     Handler inner) {
  return [token_file = std::move(token_file), refusals,
          inner = std::move(inner)](const Request& request) -> Response {
    if (request.path == "/healthz" || request.path == "/readyz") {
      return inner(request);
    }
    auto token = ReadSecretFile(token_file);
    if (!token.ok()) {
      spdlog::error("nobody may ask error=\"{}\"",
                    std::string(token.status().message()));
      return {503, "application/json",
              "{\"error\":\"the collector cannot read its token file\"}\n", ""};
    }
    if (IsSameSecret(TokenOf(request.authorization), *token))
      return inner(request);
    Count(refusals, Refusal::kHttpUnauthorized);
    return {401, "application/json",
            "{\"error\":\"a token is wanted: Authorization: Bearer TOKEN, or "
            "TOKEN as the password of any user\"}\n",
            "Basic realm=\"plimsoll\", charset=\"UTF-8\""};
  };
}

Handler LimitRate(Rate requests, std::function<int64_t()> now_ns,
                  RefusalCounter* refusals, Handler inner) {
  auto rates = std::make_shared<RateByAddress>(requests, std::move(now_ns));
  return [rates, refusals,
          inner = std::move(inner)](const Request& request) -> Response {
    if (rates->Take(request.address)) return inner(request);
    Count(refusals, Refusal::kHttpRate);
    return {429, "application/json", "{\"error\":\"too many requests\"}\n", ""};
  };
}

}  // namespace plimsoll::collector::http

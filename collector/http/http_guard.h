// What stands before the API: who may ask, and how often. Each wraps a handler
// into another. The handlers they return may be called from any thread.
#ifndef PLIMSOLL_COLLECTOR_HTTP_HTTP_GUARD_H_
#define PLIMSOLL_COLLECTOR_HTTP_HTTP_GUARD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "collector/core/ingest/refusal_counter.h"
#include "collector/core/ingest/token_bucket.h"
#include "collector/http/http_server.h"

namespace plimsoll::collector::http {

// Only requests that show what is in `token_file`: as a bearer token, or as the
// password of any user, which is what a browser asks for. The file is read for
// each request, since it may be replaced; while it cannot be read nobody may
// ask (503). /healthz and /readyz are for everyone.
Handler GuardByToken(std::string token_file, RefusalCounter* refusals,
                     Handler inner);

// Answers 429 to an address that asks more often than `requests` allows.
Handler LimitRate(Rate requests, std::function<int64_t()> now_ns,
                  RefusalCounter* refusals, Handler inner);

// The token of an Authorization header: "Bearer T", or "Basic" of "USER:T"; ""
// when it holds none.
std::string TokenOf(std::string_view authorization);

}  // namespace plimsoll::collector::http

#endif  // PLIMSOLL_COLLECTOR_HTTP_HTTP_GUARD_H_

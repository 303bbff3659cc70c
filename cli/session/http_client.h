// One GET to a collector or a Prometheus. Any thread; libcurl is set up on
// first use.
//
// Errors: kUnavailable the collector does not answer (with how to start one or
// name another); kInvalidArgument the URL is none, or 400 or 404 with words of
// the API; kFailedPrecondition 401 or 403, or a token that cannot be read;
// kInternal another HTTP status but 200, with the beginning of its text.
#ifndef PLIMSOLL_CLI_SESSION_HTTP_CLIENT_H_
#define PLIMSOLL_CLI_SESSION_HTTP_CLIENT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace plimsoll::cli {

// Whom an error is about, and what to do when nobody answers.
struct HttpPeer {
  std::string who = "the collector";
  std::string remedy =
      "; start one (tools/run) or name another with --collector URL";
  std::string token_file;  // shown as a bearer token; "": none
};

// The body, 64 MiB at most. `path` starts with "/".
absl::StatusOr<std::string> HttpGet(const std::string& url,
                                    const std::string& path,
                                    const HttpPeer& peer = {});

// For a value in a query.
std::string UrlEncoded(std::string_view text);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_SESSION_HTTP_CLIENT_H_

// The target of a request from anybody who reaches the collector's port.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "collector/http/http_server.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string target(reinterpret_cast<const char*>(data), size);
  plimsoll::collector::http::Request request;
  if (!plimsoll::collector::http::ParseTarget(target, &request)) return 0;
  size_t bytes = request.path.size();
  for (const auto& [key, value] : request.query) {
    bytes += key.size() + value.size();
  }
  if (request.path.empty() || bytes > size) std::abort();
  return 0;
}

// A gzip body (RFC 1952; HTTP's Content-Encoding, gRPC's grpc-encoding), of one
// member or several. The bytes are foreign: what they unfold to is bounded, and
// no more than the bound and 64 KiB of it is ever held. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_GUNZIP_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_GUNZIP_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace plimsoll::collector {

// By the first two bytes. No protobuf begins so: its first field would be of a
// wire type that does not exist.
bool LooksGzipped(std::string_view bytes);

// kInvalidArgument: no gzip, or cut short. kResourceExhausted: it unfolds to
// more than `max_bytes`.
absl::StatusOr<std::string> Gunzip(std::string_view bytes, size_t max_bytes);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_GUNZIP_H_

// OTLP's JSON encoding -> the bytes of the same ExportMetricsServiceRequest:
// protobuf's own mapping, in which fields that are not known are left out, as
// the protocol wants. (Trace ids of exemplars are in hexadecimal there, which
// protobuf takes for base64; nobody reads them here.) Pure; any thread.
//
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
#ifndef PLIMSOLL_COLLECTOR_RPC_OTLP_JSON_H_
#define PLIMSOLL_COLLECTOR_RPC_OTLP_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace plimsoll::collector::rpc {

// kInvalidArgument: no such JSON.
absl::StatusOr<std::string> OtlpBytesOfJson(std::string_view json);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_OTLP_JSON_H_

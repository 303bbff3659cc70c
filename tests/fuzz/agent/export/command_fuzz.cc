// What a collector, or whoever answers in its place, tells an agent to do.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "agent/export/command_codec.h"
#include "plimsoll/v1/stream.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plimsoll::v1::Command message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return 0;
  const plimsoll::core::Command command =
      plimsoll::exporter::DecodeCommand(message);
  plimsoll::core::CommandResult result;
  result.command_id = command.id;
  plimsoll::v1::CommandResult out;
  plimsoll::exporter::EncodeResult(result, out);
  return 0;
}

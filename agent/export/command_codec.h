// Commands and their results between proto and core. Pure.
#ifndef PLIMSOLL_AGENT_EXPORT_COMMAND_CODEC_H_
#define PLIMSOLL_AGENT_EXPORT_COMMAND_CODEC_H_

#include "agent/core/command.h"
#include "plimsoll/v1/command.pb.h"

namespace plimsoll::exporter {

core::Command DecodeCommand(const v1::Command& from);
void EncodeResult(const core::CommandResult& result, v1::CommandResult& out);

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_COMMAND_CODEC_H_

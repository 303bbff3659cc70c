#include "agent/export/command_codec.h"

#include "agent/export/text_cleaner.h"

namespace plimsoll::exporter {

core::Command DecodeCommand(const v1::Command& from) {
  core::Command command;
  command.id = from.id();
  command.boot_id = from.process().boot_id();
  command.process = {from.process().pid(), from.process().start_ticks(),
                     from.process().exec_seq()};
  command.deadline_ns = from.deadline_ns();
  switch (from.what_case()) {
    case v1::Command::kTakeCensus:
      command.kind = core::CommandKind::kTakeCensus;
      command.full_census = from.take_census().full();
      break;
    case v1::Command::kOpenWindow:
      command.kind = core::CommandKind::kOpenWindow;
      command.duration_ns = from.open_window().duration_ns();
      command.object_malloc = from.open_window().object_malloc();
      command.types.assign(from.open_window().types().begin(),
                           from.open_window().types().end());
      break;
    case v1::Command::kWatchBirths:
      command.kind = core::CommandKind::kWatchBirths;
      command.duration_ns = from.watch_births().duration_ns();
      command.types = {from.watch_births().type()};
      break;
    case v1::Command::kWatchStores:
      command.kind = core::CommandKind::kWatchStores;
      command.duration_ns = from.watch_stores().duration_ns();
      break;
    case v1::Command::kFindHolders:
      command.kind = core::CommandKind::kFindHolders;
      command.types = {from.find_holders().type()};
      break;
    case v1::Command::kSampleNative:
      command.kind = core::CommandKind::kSampleNative;
      command.duration_ns = from.sample_native().duration_ns();
      break;
    case v1::Command::WHAT_NOT_SET:
      break;
  }
  return command;
}

void EncodeResult(const core::CommandResult& result, v1::CommandResult& out) {
  out.set_command_id(result.command_id);
  out.set_outcome(static_cast<v1::CommandResult::Outcome>(
      static_cast<int>(result.outcome)));
  out.set_reason(result.reason);
  TextCleaner().Clean(&out);
}

}  // namespace plimsoll::exporter

#include "agent/stack_namer.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/core/native_growth.h"
#include "agent/core/native_rows.h"

namespace plimsoll::agent {

void StackNamer::Name(const core::ProcessId& id, core::RawProfile raw,
                      std::function<void(core::StackProfile)> done) {
  // Each distinct frame is asked for once.
  absl::flat_hash_map<core::RawFrame, size_t> indices;
  std::vector<core::RawFrame> frames;
  for (const core::RawStack& stack : raw.stacks) {
    for (const core::RawFrame& frame : stack.frames) {
      if (indices.try_emplace(frame, frames.size()).second) {
        frames.push_back(frame);
      }
    }
  }
  auto name = [this, id, indices = std::move(indices), raw = std::move(raw),
               done = std::move(done)](
                  absl::StatusOr<std::vector<core::Frame>> named) mutable {
    core::StackProfile profile = std::move(raw.profile);
    core::Frame unknown;
    unknown.function = "<unknown>";
    for (core::RawStack& stack : raw.stacks) {
      core::Stack& out = profile.stacks.emplace_back();
      out.truncated = stack.truncated;
      for (const core::RawFrame& frame : stack.frames) {
        size_t index = indices.at(frame);
        out.frames.push_back(
            named.ok() && index < named->size() ? (*named)[index] : unknown);
      }
    }
    Unwind(id, std::move(raw.snapshots), std::move(profile), std::move(done));
  };
  WatchedProcess* process = table_->Find(id);
  if (process == nullptr || !process->python || frames.empty()) {
    name(absl::NotFoundError("the process has ended"));
    return;
  }
  inspector_->Symbolize(
      *process->python, std::move(frames),
      [alive = alive_, name = std::move(name)](
          absl::StatusOr<std::vector<core::Frame>> named) mutable {
        if (*alive) name(std::move(named));
      });
}

void StackNamer::Unwind(const core::ProcessId& id,
                        std::vector<core::NativeSnapshot> snapshots,
                        core::StackProfile profile,
                        std::function<void(core::StackProfile)> done) {
  const WatchedProcess* process = table_->Find(id);
  if (snapshots.empty()) return done(std::move(profile));
  if (native_ == nullptr || process == nullptr) {
    profile.refusal = "the native stacks could not be unwound any more";
    return done(std::move(profile));
  }
  // What one request holds: the rest would say no more.
  if (snapshots.size() > core::kMostSnapshotsAtOnce) {
    snapshots.resize(core::kMostSnapshotsAtOnce);
  }
  const core::PythonProcess python =
      process->python.value_or(core::RefusedProcess(id.pid, id.start_ticks));
  const std::string& path = python.build.object_path;
  native_->UnwindStacks(
      python, std::move(snapshots),
      [alive = alive_, interpreter = path.substr(path.rfind('/') + 1),
       profile = std::move(profile), done = std::move(done)](
          absl::StatusOr<std::vector<core::NativeStack>> stacks) mutable {
        if (!*alive) return;
        if (stacks.ok()) {
          core::JoinNative(*stacks, interpreter, profile);
        } else {
          profile.refusal = "the native stacks could not be unwound: " +
                            std::string(stacks.status().message());
        }
        done(std::move(profile));
      });
}

}  // namespace plimsoll::agent

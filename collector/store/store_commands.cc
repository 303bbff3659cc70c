// What agents were asked for and what came of it.
#include <utility>

#include "collector/store/store_impl.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::store {
namespace {

constexpr int64_t kAnswerWithinNs = int64_t{300} * 1'000'000'000;
constexpr int kMostPending = 32;  // of one agent; its stream holds 64 messages

}  // namespace

absl::StatusOr<CommandTarget> Store::Impl::TargetOf(ProcessKey process) const {
  std::shared_lock<std::shared_mutex> lock(head_mutex_);
  auto known = head_.processes.find(process);
  if (known == head_.processes.end() || known->second.is_node) {
    return absl::NotFoundError("no process with key " +
                               std::to_string(process));
  }
  const ProcessInfo& info = known->second.state.info;
  if (info.exited) return absl::NotFoundError("the process has ended");
  return CommandTarget{
      0,
      info.agent_id,
      {info.boot_id, info.pid, info.start_ticks, info.exec_seq}};
}

// The number of an equal command that may still be answered; 0: there is none.
// Inside Guard.
uint64_t Store::Impl::LiveCommand(ProcessKey process, const std::string& what) {
  const int64_t now_ns = ports_.now_ns();
  SQLite::Statement late(
      *writer_,
      "UPDATE command SET finished_ns = ?, outcome = 'failed', reason = 'the "
      "agent gave no answer within 300 s' WHERE process = ? AND outcome = '' "
      "AND sent_ns < ?");
  late.bind(1, now_ns);
  late.bind(2, process);
  late.bind(3, now_ns - kAnswerWithinNs);
  late.exec();
  SQLite::Statement live(*writer_,
                         "SELECT id FROM command WHERE process = ? AND what = "
                         "? AND outcome = '' ORDER BY id DESC LIMIT 1");
  live.bind(1, process);
  live.bind(2, what);
  return live.executeStep()
             ? static_cast<uint64_t>(live.getColumn(0).getInt64())
             : 0;
}

absl::StatusOr<CommandTarget> Store::Impl::NewCommand(
    ProcessKey process, const std::string& what, const std::string& payload) {
  std::lock_guard<std::mutex> write(write_mutex_);
  PLIMSOLL_ASSIGN_OR_RETURN(CommandTarget target, TargetOf(process));
  PLIMSOLL_RETURN_IF_ERROR(Guard("store command", [&] {
    target.command_id = LiveCommand(process, what);
    if (target.command_id != 0) return;
    SQLite::Statement row(
        *writer_,
        "INSERT INTO command (id, process, what, sent_ns, finished_ns, "
        "outcome, reason, payload) VALUES (?,?,?,?,0,'','',?)");
    const int64_t now_ns = ports_.now_ns();
    // The first is a time, so that a collector that began anew gives no number
    // that an agent has had from the one before.
    if (writer_
            ->execAndGet("SELECT count(*) FROM sqlite_sequence WHERE name "
                         "= 'command'")
            .getInt() == 0) {
      row.bind(1, now_ns / 1000);
    } else {
      row.bind(1);
    }
    row.bind(2, process);
    row.bind(3, what);
    row.bind(4, now_ns);
    row.bind(5, payload.data(), static_cast<int>(payload.size()));
    row.exec();
    target.command_id = static_cast<uint64_t>(writer_->getLastInsertRowid());
  }));
  return target;
}

absl::StatusOr<std::vector<CommandState>> Store::Impl::Commands(
    ProcessKey process, int limit) const {
  std::vector<CommandState> out;
  PLIMSOLL_RETURN_IF_ERROR(Guard("read commands", [&] {
    std::lock_guard<std::mutex> read(read_mutex_);
    SQLite::Statement query(
        *reader_,
        "SELECT id, what, outcome, reason, sent_ns, finished_ns FROM command "
        "WHERE process = ? ORDER BY id DESC LIMIT ?");
    query.bind(1, process);
    query.bind(2, limit);
    while (query.executeStep()) {
      out.push_back(
          {static_cast<uint64_t>(query.getColumn(0).getInt64()),
           query.getColumn(1).getString(), query.getColumn(2).getString(),
           query.getColumn(3).getString(), query.getColumn(4).getInt64(),
           query.getColumn(5).getInt64()});
    }
  }));
  return out;
}

absl::StatusOr<CommandTarget> Store::NewCommand(ProcessKey process,
                                                const std::string& what,
                                                const std::string& payload) {
  return impl_->NewCommand(process, what, payload);
}

absl::StatusOr<std::vector<PendingCommand>> Store::PendingCommands(
    const std::string& agent_id) const {
  std::vector<std::pair<ProcessKey, PendingCommand>> rows;
  PLIMSOLL_RETURN_IF_ERROR(Guard("read commands", [&] {
    std::lock_guard<std::mutex> read(impl_->read_mutex_);
    SQLite::Statement query(
        *impl_->reader_,
        "SELECT c.id, c.process, c.payload FROM command c JOIN process p ON "
        "p.id = c.process WHERE p.agent_id = ? AND c.outcome = '' AND "
        "c.sent_ns >= ? ORDER BY c.id LIMIT ?");
    query.bind(1, agent_id);
    query.bind(2, impl_->ports_.now_ns() - kAnswerWithinNs);
    query.bind(3, kMostPending);
    while (query.executeStep()) {
      PendingCommand row;
      row.target.command_id =
          static_cast<uint64_t>(query.getColumn(0).getInt64());
      row.payload = query.getColumn(2).getString();
      rows.emplace_back(query.getColumn(1).getInt64(), std::move(row));
    }
  }));
  std::vector<PendingCommand> out;
  for (auto& [process, row] : rows) {
    auto target = impl_->TargetOf(process);
    if (!target.ok()) continue;  // it ended meanwhile
    target->command_id = row.target.command_id;
    row.target = *std::move(target);
    out.push_back(std::move(row));
  }
  return out;
}

absl::Status Store::FinishCommand(const std::string& agent_id, uint64_t id,
                                  const std::string& outcome,
                                  const std::string& reason) {
  std::lock_guard<std::mutex> write(impl_->write_mutex_);
  bool of_another = false;
  PLIMSOLL_RETURN_IF_ERROR(Guard("store command result", [&] {
    SQLite::Statement asked(*impl_->writer_,
                            "SELECT process.agent_id FROM command JOIN process "
                            "ON process.id = command.process WHERE "
                            "command.id = ?");
    asked.bind(1, static_cast<int64_t>(id));
    of_another =
        asked.executeStep() && asked.getColumn(0).getString() != agent_id;
    if (of_another) return;
    SQLite::Statement row(*impl_->writer_,
                          "UPDATE command SET finished_ns = ?, outcome = ?, "
                          "reason = ? WHERE id = ? AND outcome = ''");
    row.bind(1, impl_->ports_.now_ns());
    row.bind(2, outcome);
    row.bind(3, reason);
    row.bind(4, static_cast<int64_t>(id));
    row.exec();
  }));
  if (!of_another) return absl::OkStatus();
  return absl::PermissionDeniedError("command " + std::to_string(id) +
                                     " was sent to another agent");
}

absl::StatusOr<std::optional<CommandState>> Store::NewestCommand(
    ProcessKey process) const {
  PLIMSOLL_ASSIGN_OR_RETURN(auto commands, impl_->Commands(process, 1));
  if (commands.empty()) return std::optional<CommandState>();
  return std::optional<CommandState>(std::move(commands.front()));
}

}  // namespace plimsoll::collector::store

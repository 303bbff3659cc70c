#include "agent/inspector/inspector_client.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/inspector/birth_codec.h"
#include "agent/inspector/census_codec.h"
#include "agent/inspector/malloc_codec.h"
#include "agent/inspector/native_codec.h"
#include "agent/inspector/python_codec.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/inspector/v1/inspector.pb.h"

namespace plimsoll::inspector {
namespace {

constexpr size_t kMostRefused = 1024;

absl::Status WrongAnswer() {
  return absl::InternalError("the inspector answered another question");
}

}  // namespace

absl::StatusOr<std::unique_ptr<InspectorClient>> InspectorClient::Make(
    InspectorOptions options, Clock now_ns) {
  if (options.program.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(options.program, InspectorProgram());
  }
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return absl::ErrnoToStatus(errno, "epoll_create1");
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  epoll_event event{.events = EPOLLIN, .data = {.fd = wake.get()}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl eventfd");
  }
  std::unique_ptr<InspectorClient> client(
      new InspectorClient(std::move(options), std::move(now_ns),
                          std::move(epoll), std::move(wake)));
  PLIMSOLL_RETURN_IF_ERROR(client->StartChild());
  return client;
}

InspectorClient::InspectorClient(InspectorOptions options, Clock now_ns,
                                 UniqueFd epoll, UniqueFd wake)
    : options_(std::move(options)),
      now_ns_(std::move(now_ns)),
      epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      backoff_ns_(options_.first_backoff_ns) {}

InspectorClient::~InspectorClient() = default;

void InspectorClient::Identify(int32_t pid, IdentifyDone done) {
  v1::Request request;
  request.mutable_identify()->set_pid(pid);
  Enqueue(request, pid,
          [done = std::move(done)](absl::StatusOr<v1::Response*> r) mutable {
            if (!r.ok()) return done(r.status());
            if (!(*r)->has_python()) return done(WrongAnswer());
            done(DecodePython((*r)->python()));
          });
}

void InspectorClient::TakeCensus(const core::PythonProcess& python,
                                 core::CensusOptions options, CensusDone done) {
  v1::Request request;
  auto& census = *request.mutable_take_census();
  EncodePython(python, *census.mutable_python());
  census.set_headers_only(options.headers_only);
  census.set_max_types(options.max_types);
  census.set_max_scan_bytes(options.max_scan_bytes);
  census.set_seed(options.seed);
  Enqueue(request, python.pid,
          [done = std::move(done)](absl::StatusOr<v1::Response*> r) mutable {
            if (!r.ok()) return done(r.status());
            if (!(*r)->has_census()) return done(WrongAnswer());
            done(DecodeCensus((*r)->census()));
          });
}

void InspectorClient::Symbolize(const core::PythonProcess& python,
                                std::vector<core::RawFrame> frames,
                                SymbolizeDone done) {
  v1::Request request;
  auto& symbolize = *request.mutable_symbolize();
  EncodePython(python, *symbolize.mutable_python());
  for (const core::RawFrame& frame : frames) {
    symbolize.add_code_addresses(frame.code_address);
    symbolize.add_instructions(frame.instruction);
  }
  Enqueue(request, python.pid,
          [done = std::move(done),
           wanted = frames.size()](absl::StatusOr<v1::Response*> r) mutable {
            if (!r.ok()) return done(r.status());
            if (!(*r)->has_frames()) return done(WrongAnswer());
            auto named = DecodeFrames((*r)->frames());
            if (named.size() != wanted) return done(WrongAnswer());
            done(std::move(named));
          });
}

void InspectorClient::UnwindStacks(const core::PythonProcess& python,
                                   std::vector<core::NativeSnapshot> snapshots,
                                   UnwindDone done) {
  v1::Request request;
  auto& unwind = *request.mutable_unwind_stacks();
  EncodePython(python, *unwind.mutable_python());
  EncodeSnapshots(snapshots, unwind);
  Enqueue(request, python.pid,
          [done = std::move(done),
           wanted = snapshots.size()](absl::StatusOr<v1::Response*> r) mutable {
            if (!r.ok()) return done(r.status());
            auto stacks = DecodeNativeStacks((*r)->native_stacks());
            if (stacks.ok() && stacks->size() != wanted) {
              return done(WrongAnswer());
            }
            done(std::move(stacks));
          });
}

void InspectorClient::ReadResidentPages(const core::PythonProcess& python,
                                        PagesDone done) {
  v1::Request request;
  EncodePython(python,
               *request.mutable_read_resident_pages()->mutable_python());
  Enqueue(request, python.pid,
          [done = std::move(done)](absl::StatusOr<v1::Response*> r) mutable {
            if (!r.ok()) return done(r.status());
            if (!(*r)->has_pages()) return done(WrongAnswer());
            done(DecodePages((*r)->pages()));
          });
}

void InspectorClient::FindMallocSites(const core::PythonProcess& python,
                                      SitesDone done) {
  v1::Request request;
  EncodePython(python, *request.mutable_find_malloc_sites()->mutable_python());
  Enqueue(request, python.pid,
          [done = std::move(done)](absl::StatusOr<v1::Response*> r) mutable {
            if (!r.ok()) return done(r.status());
            if (!(*r)->has_malloc_sites()) return done(WrongAnswer());
            done(DecodeMallocSites((*r)->malloc_sites()));
          });
}

void InspectorClient::CheckChunks(const core::PythonProcess& python,
                                  const std::vector<core::BlockClaim>& claims,
                                  UsesDone done) {
  v1::Request request;
  auto& check = *request.mutable_check_chunks();
  EncodePython(python, *check.mutable_python());
  EncodeClaims(claims, check);
  Enqueue(request, python.pid,
          [done = std::move(done),
           wanted = claims.size()](absl::StatusOr<v1::Response*> r) mutable {
            if (!r.ok()) return done(r.status());
            const auto& uses = (*r)->chunk_uses().in_use();
            if (static_cast<size_t>(uses.size()) != wanted) {
              return done(WrongAnswer());
            }
            done(std::vector<bool>(uses.begin(), uses.end()));
          });
}

void InspectorClient::LookAtBirths(const core::PythonProcess& python,
                                   core::BirthLook look, BirthsDone done) {
  v1::Request request;
  auto& births = *request.mutable_look_at_births();
  EncodePython(python, *births.mutable_python());
  EncodeBirthLook(look, births);
  Enqueue(request, python.pid,
          [done = std::move(done)](absl::StatusOr<v1::Response*> r) mutable {
            if (!r.ok()) return done(r.status());
            if (!(*r)->has_birth_findings()) return done(WrongAnswer());
            done(DecodeBirthFindings((*r)->birth_findings()));
          });
}

void InspectorClient::Enqueue(v1::Request& request, int32_t pid, Done done) {
  Call call{.id = next_id_++, .pid = pid, .frame = {}, .done = std::move(done)};
  request.set_id(call.id);
  ++stats_.requests;
  if (IsRefused(pid)) {
    ++stats_.refusals;
    return FailLater(
        std::move(call),
        absl::InternalError(absl::StrCat(
            "pid ", pid, " is refused: the parser crashed on it before")));
  }
  if (queue_.size() >= options_.most_queued) {
    return FailLater(std::move(call), absl::ResourceExhaustedError(
                                          "the inspector's queue is full"));
  }
  auto frame = inspector::Frame(request.SerializeAsString());
  if (!frame.ok()) return FailLater(std::move(call), frame.status());
  call.frame = *std::move(frame);
  queue_.push_back(std::move(call));
  Pump();
}

void InspectorClient::FailLater(Call call, absl::Status status) {
  failures_.emplace_back(std::move(call), std::move(status));
  const uint64_t one = 1;
  // Fails only when the counter is near 2^64, and then it is readable.
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof(one));
}

void InspectorClient::DeliverFailures() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &count, sizeof(count));
  // Only those that are here now: a callback may fail anew.
  for (size_t left = failures_.size(); left > 0; --left) {
    auto [call, status] = std::move(failures_.front());
    failures_.pop_front();
    call.done(std::move(status));
  }
}

bool InspectorClient::IsRefused(int32_t pid) {
  const auto it = refused_until_ns_.find(pid);
  if (it == refused_until_ns_.end()) return false;
  if (now_ns_() < it->second) return true;
  refused_until_ns_.erase(it);
  return false;
}

absl::Status InspectorClient::StartChild() {
  PLIMSOLL_ASSIGN_OR_RETURN(
      ChildProcess child,
      ChildProcess::Start(options_.program, options_.memory_limit_bytes));
  epoll_event event{.events = EPOLLIN, .data = {.fd = child.socket()}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, child.socket(), &event) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl inspector socket");
  }
  child_.emplace(std::move(child));
  ++stats_.starts;
  return absl::OkStatus();
}

void InspectorClient::Watch(bool writing) {
  epoll_event event{
      .events = EPOLLIN | (writing ? static_cast<uint32_t>(EPOLLOUT) : 0u),
      .data = {.fd = child_->socket()}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, child_->socket(), &event);
}

// Sends the next request when the child is there and idle.
void InspectorClient::Pump() {
  if (in_flight_ || queue_.empty()) return;
  const int64_t now = now_ns_();
  if (!child_) {
    if (now < restart_at_ns_) return;
    if (absl::Status s = StartChild(); !s.ok()) {
      restart_at_ns_ = now + backoff_ns_;
      backoff_ns_ = std::min(backoff_ns_ * 2, options_.last_backoff_ns);
      Call call = std::move(queue_.front());
      queue_.pop_front();
      return FailLater(std::move(call), std::move(s));
    }
  }
  in_flight_ = std::move(queue_.front());
  queue_.pop_front();
  deadline_ns_ = now + options_.request_timeout_ns;
  unsent_ = std::move(in_flight_->frame);
  Flush();
}

void InspectorClient::Flush() {
  while (!unsent_.empty()) {
    const ssize_t sent =
        ::send(child_->socket(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) break;  // full, or the child has ended: epoll will tell
    unsent_.erase(0, static_cast<size_t>(sent));
  }
  if (unsent_.empty()) unsent_.shrink_to_fit();
  Watch(!unsent_.empty());
}

void InspectorClient::OnReadable() {
  std::array<epoll_event, 2> events;
  const int n = ::epoll_wait(epoll_.get(), events.data(), events.size(), 0);
  for (int i = 0; i < n; ++i) {
    if (events[i].data.fd == wake_.get()) {
      DeliverFailures();
    } else if (child_ && events[i].data.fd == child_->socket()) {
      if (events[i].events & EPOLLOUT) Flush();
      ReadSocket();
    }
  }
  Pump();
}

void InspectorClient::ReadSocket() {
  std::array<char, 65536> buffer;
  while (child_) {
    const ssize_t got =
        ::recv(child_->socket(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) return HandleEnd();
    reader_.Append({buffer.data(), static_cast<size_t>(got)});
    auto message = reader_.Next();
    if (!message.ok()) {
      return StopChild(absl::InternalError(
          absl::StrCat("the inspector's answer made no sense: ",
                       message.status().message())));
    }
    if (message->has_value()) HandleMessage(**message);
  }
}

void InspectorClient::HandleMessage(const std::string& message) {
  v1::Response response;
  if (!response.ParseFromString(message) || !in_flight_ ||
      response.id() != in_flight_->id || reader_.midway()) {
    return StopChild(
        absl::InternalError("the inspector's answer made no sense"));
  }
  Call call = *std::move(in_flight_);
  in_flight_.reset();
  backoff_ns_ = options_.first_backoff_ns;
  absl::Status status = DecodeStatus(response);
  if (!status.ok()) {
    call.done(std::move(status));
  } else {
    call.done(&response);
  }
}

// The child closed its end: it is dead or dying.
void InspectorClient::HandleEnd() {
  const ChildProcess::End end = child_->Kill();
  child_.reset();
  reader_.Clear();
  unsent_.clear();
  ++stats_.crashes;
  restart_at_ns_ = now_ns_() + backoff_ns_;
  backoff_ns_ = std::min(backoff_ns_ * 2, options_.last_backoff_ns);
  if (!in_flight_) return;
  Call call = *std::move(in_flight_);
  in_flight_.reset();
  if (end.refused_to_start) {
    return call.done(absl::FailedPreconditionError(absl::StrCat(
        "plimsoll-inspector could not enter its sandbox: ", end.text)));
  }
  if (end.parser_died) {
    if (refused_until_ns_.size() >= kMostRefused) refused_until_ns_.clear();
    refused_until_ns_[call.pid] = now_ns_() + options_.refusal_ns;
  }
  call.done(absl::InternalError(absl::StrCat(
      "the parser crashed on pid ", call.pid, " (", end.text, "); refused")));
}

// We end the child, with or without a request under way.
void InspectorClient::StopChild(absl::Status reason) {
  child_.reset();
  reader_.Clear();
  unsent_.clear();
  restart_at_ns_ = now_ns_();
  if (reason.code() != absl::StatusCode::kDeadlineExceeded) ++stats_.crashes;
  if (!in_flight_) return;
  Call call = *std::move(in_flight_);
  in_flight_.reset();
  call.done(std::move(reason));
}

void InspectorClient::OnTimer(int64_t now_ns) {
  if (in_flight_ && now_ns >= deadline_ns_) {
    ++stats_.timeouts;
    StopChild(absl::DeadlineExceededError(
        absl::StrCat("reading pid ", in_flight_->pid, " took over ",
                     options_.request_timeout_ns / 1'000'000, " ms")));
  }
  DeliverFailures();
  Pump();
}

std::optional<int64_t> InspectorClient::next_deadline_ns() const {
  if (in_flight_) return deadline_ns_;
  if (!queue_.empty()) return restart_at_ns_;
  return std::nullopt;
}

InspectorStats InspectorClient::stats() const {
  InspectorStats stats = stats_;
  stats.child_pid = child_ ? child_->pid() : 0;
  return stats;
}

}  // namespace plimsoll::inspector

// Owners of kernel and libbpf objects. Move-only; each is used by one thread at
// a time. Only agent/bpf includes this (and <bpf/*.h>, and skeletons).
#ifndef PLIMSOLL_AGENT_BPF_HANDLES_H_
#define PLIMSOLL_AGENT_BPF_HANDLES_H_

#include <bpf/libbpf.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll::bpf {

struct BpfLinkDestroy {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
// A program attached by libbpf; detached on destruction.
using BpfLink = std::unique_ptr<bpf_link, BpfLinkDestroy>;

struct RingBufferFree {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using RingBuffer = std::unique_ptr<ring_buffer, RingBufferFree>;

// Sends libbpf's own messages to spdlog at debug level instead of stderr.
// Process-wide, idempotent.
void RouteLibbpfMessages();

// While one lives, what libbpf tells on its thread of the verifier's log is
// kept: libbpf has no other way to hand it on.
class VerifierLog {
 public:
  VerifierLog();
  ~VerifierLog();
  VerifierLog(const VerifierLog&) = delete;
  VerifierLog& operator=(const VerifierLog&) = delete;

  // Of a load that failed just now, with `error` (positive).
  absl::Status RefusalOf(const std::string& object, int error) const;
  void Keep(std::string log) { log_ = std::move(log); }

 private:
  std::string log_;
};

// A bpftool skeleton: Open, then edit programs and maps, then Load. What Load
// says when the kernel refuses is core::LoadRefusal's.
template <typename T>
class Skeleton {
 public:
  Skeleton() = default;

  static absl::StatusOr<Skeleton> Open(const std::string& name) {
    RouteLibbpfMessages();
    errno = 0;
    T* raw = T::open();
    if (raw == nullptr) {
      return absl::ErrnoToStatus(errno, "open BPF object " + name);
    }
    return Skeleton(raw, name);
  }

  absl::Status Load() {
    VerifierLog log;
    if (const int error = T::load(object_.get()); error != 0) {
      return log.RefusalOf(name_, -error);
    }
    return absl::OkStatus();
  }

  T* operator->() const { return object_.get(); }

 private:
  struct Destroy {
    void operator()(T* object) const { T::destroy(object); }
  };
  Skeleton(T* object, std::string name)
      : object_(object), name_(std::move(name)) {}

  std::unique_ptr<T, Destroy> object_;
  std::string name_;
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_HANDLES_H_

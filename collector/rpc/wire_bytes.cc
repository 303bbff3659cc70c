#include "collector/rpc/wire_bytes.h"

#include <algorithm>
#include <vector>

namespace plimsoll::collector::rpc {
namespace {

constexpr size_t kMaxTextBytes = 256;

bool IsClean(const std::string& text) {
  return text.size() <= kMaxTextBytes &&
         std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

}  // namespace

std::string ToBytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

grpc::ByteBuffer ToBuffer(const v1::CollectorMessage& message) {
  grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

std::string WhyNoHello(const v1::Hello& hello) {
  if (hello.agent_id().empty() || hello.spool_id().empty()) {
    return "Hello needs agent_id and spool_id, once";
  }
  for (const std::string* text :
       {&hello.agent_id(), &hello.spool_id(), &hello.node(),
        &hello.agent_version(), &hello.kernel_release()}) {
    if (!IsClean(*text)) {
      return "a text of Hello is over 256 bytes, or has control characters";
    }
  }
  return "";
}

const char* OutcomeName(int outcome) {
  switch (outcome) {
    case v1::CommandResult::OUTCOME_DONE:
      return "done";
    case v1::CommandResult::OUTCOME_REFUSED:
      return "refused";
    case v1::CommandResult::OUTCOME_PROCESS_GONE:
      return "process_gone";
    default:
      return "failed";
  }
}

}  // namespace plimsoll::collector::rpc

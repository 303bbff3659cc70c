#include "collector/rpc/text_repair.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>

#include <limits>
#include <string>

#include "plimsoll/base/utf8.h"

namespace plimsoll::collector::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::CodedInputStream;

constexpr int kMaxDepth = 100;  // protobuf's own default

// The wire types of protobuf's encoding.
enum Wire : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// The strings changed in `size` bytes of a message; -1: not well formed.
int64_t Clean(char* bytes, int size, const Descriptor* type, int depth) {
  if (depth > kMaxDepth) return -1;
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes), size);
  int64_t changed = 0;
  while (const uint32_t tag = in.ReadTag()) {
    uint64_t number;
    uint32_t length;
    switch (tag & 7) {
      case kVarint:
        if (!in.ReadVarint64(&number)) return -1;
        break;
      case kFixed64:
        if (!in.Skip(8)) return -1;
        break;
      case kFixed32:
        if (!in.Skip(4)) return -1;
        break;
      case kBytes: {
        if (!in.ReadVarint32(&length)) return -1;
        const int at = in.CurrentPosition();
        if (length > static_cast<uint32_t>(size - at)) return -1;
        const FieldDescriptor* field =
            type->FindFieldByNumber(static_cast<int>(tag >> 3));
        if (field != nullptr && field->type() == FieldDescriptor::TYPE_STRING) {
          changed += CleanUtf8(bytes + at, length) ? 1 : 0;
        } else if (field != nullptr &&
                   field->type() == FieldDescriptor::TYPE_MESSAGE) {
          const int64_t inside = Clean(bytes + at, static_cast<int>(length),
                                       field->message_type(), depth + 1);
          if (inside < 0) return -1;
          changed += inside;
        }
        if (!in.Skip(static_cast<int>(length))) return -1;
        break;
      }
      default:
        return -1;  // groups are not of this schema
    }
  }
  return in.ConsumedEntireMessage() ? changed : -1;
}

}  // namespace

int64_t ParseRepaired(std::string_view bytes,
                      google::protobuf::Message* message) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return -1;
  }
  const int size = static_cast<int>(bytes.size());
  if (message->ParseFromArray(bytes.data(), size)) return 0;
  std::string copy(bytes);
  const int64_t changed = Clean(copy.data(), size, message->GetDescriptor(), 0);
  if (changed <= 0 || !message->ParseFromString(copy)) return -1;
  return changed;
}

}  // namespace plimsoll::collector::rpc

// Cleans the strings of a message that came from targets: type names, files,
// command lines and label values are what the target says they are, and one
// that is not UTF-8 would make the collector refuse the batch. Bad bytes become
// '?'. One thread.
#ifndef PLIMSOLL_AGENT_EXPORT_TEXT_CLEANER_H_
#define PLIMSOLL_AGENT_EXPORT_TEXT_CLEANER_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace plimsoll::exporter {

class TextCleaner {
 public:
  // Returns the number of strings that were changed.
  int64_t Clean(google::protobuf::Message* message);

 private:
  // So that long tables of numbers are not walked.
  bool HasText(const google::protobuf::Descriptor* type);

  absl::flat_hash_map<const google::protobuf::Descriptor*, bool> has_text_;
};

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_TEXT_CLEANER_H_

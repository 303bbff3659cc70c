// Makes of a message what a peer one version newer would send: fields that this
// schema does not know, in it and in every message within.
#ifndef PLIMSOLL_TESTS_SUPPORT_NEWER_PEER_H_
#define PLIMSOLL_TESTS_SUPPORT_NEWER_PEER_H_

#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <vector>

namespace plimsoll::testing {

inline void AddUnknownFields(google::protobuf::Message* message) {
  constexpr int kNumber = 1'900;
  const google::protobuf::Reflection* reflection = message->GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() !=
        google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    }
    if (!field->is_repeated()) {
      AddUnknownFields(reflection->MutableMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      AddUnknownFields(reflection->MutableRepeatedMessage(message, field, i));
    }
  }
  google::protobuf::UnknownFieldSet* unknown =
      reflection->MutableUnknownFields(message);
  unknown->AddVarint(kNumber, 7);
  unknown->AddFixed64(kNumber + 1, 8);
  unknown->AddLengthDelimited(kNumber + 2, "of a newer version");
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_NEWER_PEER_H_

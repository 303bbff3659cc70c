#include "agent/export/text_cleaner.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "plimsoll/base/utf8.h"

namespace plimsoll::exporter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool CleanField(Message* message, const FieldDescriptor* field, int index) {
  const Reflection* reflection = message->GetReflection();
  std::string text = field->is_repeated()
                         ? reflection->GetRepeatedString(*message, field, index)
                         : reflection->GetString(*message, field);
  if (!CleanUtf8(text.data(), text.size())) return false;
  if (field->is_repeated()) {
    reflection->SetRepeatedString(message, field, index, std::move(text));
  } else {
    reflection->SetString(message, field, std::move(text));
  }
  return true;
}

}  // namespace

bool TextCleaner::HasText(const Descriptor* type) {
  // False while it is being answered: a type that holds itself adds nothing.
  auto [known, fresh] = has_text_.try_emplace(type, false);
  if (!fresh) return known->second;
  bool has = false;
  for (int i = 0; i < type->field_count() && !has; ++i) {
    const FieldDescriptor* field = type->field(i);
    has = field->type() == FieldDescriptor::TYPE_STRING ||
          (field->type() == FieldDescriptor::TYPE_MESSAGE &&
           HasText(field->message_type()));
  }
  has_text_[type] = has;
  return has;
}

int64_t TextCleaner::Clean(Message* message) {
  const Reflection* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  int64_t changed = 0;
  for (const FieldDescriptor* field : fields) {
    const int count =
        field->is_repeated() ? reflection->FieldSize(*message, field) : 1;
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      for (int i = 0; i < count; ++i) {
        changed += CleanField(message, field, i) ? 1 : 0;
      }
    } else if (field->type() == FieldDescriptor::TYPE_MESSAGE &&
               HasText(field->message_type())) {
      for (int i = 0; i < count; ++i) {
        changed +=
            Clean(field->is_repeated()
                      ? reflection->MutableRepeatedMessage(message, field, i)
                      : reflection->MutableMessage(message, field));
      }
    }
  }
  return changed;
}

}  // namespace plimsoll::exporter

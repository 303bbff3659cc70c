// Appends JSON text. For what ingest writes at each snapshot, where a document
// tree would cost more than the numbers themselves; also used by the API.
// The caller nests correctly; strings are escaped and must be UTF-8 (others'
// bytes become U+FFFD). Not thread-safe.
#ifndef PLIMSOLL_COLLECTOR_CORE_TEXT_JSON_WRITER_H_
#define PLIMSOLL_COLLECTOR_CORE_TEXT_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace plimsoll::collector {

class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view key);
  JsonWriter& String(std::string_view value);
  JsonWriter& Int(int64_t value);
  JsonWriter& Double(double value);  // null unless finite
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  JsonWriter& Raw(std::string_view json);  // already JSON

  // Key and value in one.
  JsonWriter& Field(std::string_view key, std::string_view value) {
    return Key(key).String(value);
  }
  JsonWriter& Field(std::string_view key, const char* value) {
    return Key(key).String(value);
  }
  JsonWriter& Field(std::string_view key, int64_t value) {
    return Key(key).Int(value);
  }
  JsonWriter& Field(std::string_view key, int32_t value) {
    return Key(key).Int(value);
  }
  JsonWriter& Field(std::string_view key, double value) {
    return Key(key).Double(value);
  }
  JsonWriter& Field(std::string_view key, bool value) {
    return Key(key).Bool(value);
  }

  std::string Take() {
    comma_ = false;
    return std::move(out_);
  }

 private:
  JsonWriter& Open(char bracket) {
    Separate();
    out_.push_back(bracket);
    comma_ = false;
    return *this;
  }
  JsonWriter& Close(char bracket) {
    out_.push_back(bracket);
    comma_ = true;
    return *this;
  }
  void Separate() {
    if (comma_) out_.push_back(',');
    comma_ = true;
  }
  void Quote(std::string_view text);

  std::string out_;
  bool comma_ = false;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TEXT_JSON_WRITER_H_

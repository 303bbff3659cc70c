// Holds a JSON value against the part of JSON Schema that our OpenAPI document
// uses: type, enum, properties, required, additionalProperties, items, oneOf,
// $ref. Anything else in a schema is a fault of the document. Pure.
#ifndef PLIMSOLL_TESTS_SUPPORT_JSON_SCHEMA_H_
#define PLIMSOLL_TESTS_SUPPORT_JSON_SCHEMA_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace plimsoll::testing {

class JsonSchema {
 public:
  using Json = nlohmann::json;
  explicit JsonSchema(const Json& document) : document_(document) {}

  // What does not fit, each with its place; empty when all does.
  std::vector<std::string> Faults(const Json& schema, const Json& value) const {
    std::vector<std::string> faults;
    Check(schema, value, "$", &faults);
    return faults;
  }

 private:
  static bool IsOf(const std::string& type, const Json& v) {
    if (type == "object") return v.is_object();
    if (type == "array") return v.is_array();
    if (type == "string") return v.is_string();
    if (type == "boolean") return v.is_boolean();
    if (type == "null") return v.is_null();
    if (type == "integer") return v.is_number_integer();
    return type == "number" && v.is_number();
  }

  void Check(const Json& schema, const Json& value, const std::string& at,
             std::vector<std::string>* faults) const {
    for (const auto& [key, rule] : schema.items()) {
      if (key == "description") continue;
      if (key == "$ref") {
        const std::string path = rule.get<std::string>().substr(1);
        Check(document_.at(Json::json_pointer(path)), value, at, faults);
      } else if (key == "type") {
        CheckType(rule, value, at, faults);
      } else if (key == "enum") {
        if (std::find(rule.begin(), rule.end(), value) == rule.end()) {
          faults->push_back(at + ": " + value.dump() + " is not in the enum");
        }
      } else if (key == "items") {
        for (size_t i = 0; value.is_array() && i < value.size(); ++i) {
          Check(rule, value[i], at + "[" + std::to_string(i) + "]", faults);
        }
      } else if (key == "oneOf") {
        CheckOneOf(rule, value, at, faults);
      } else if (key == "properties") {
        CheckObject(schema, value, at, faults);
      } else if (key == "additionalProperties") {
        if (!schema.contains("properties") && rule.is_object() &&
            value.is_object()) {
          for (const auto& [name, one] : value.items()) {
            Check(rule, one, at + "." + name, faults);
          }
        }
      } else if (key != "required") {
        faults->push_back("the document uses \"" + key + "\"");
      }
    }
  }

  static void CheckType(const Json& rule, const Json& value,
                        const std::string& at,
                        std::vector<std::string>* faults) {
    bool fits = rule.is_string() && IsOf(rule, value);
    for (const Json& type : rule) {
      fits = fits || (rule.is_array() && IsOf(type, value));
    }
    if (!fits) {
      faults->push_back(at + ": " + value.dump().substr(0, 60) + " is no " +
                        rule.dump());
    }
  }

  void CheckOneOf(const Json& rule, const Json& value, const std::string& at,
                  std::vector<std::string>* faults) const {
    std::vector<std::string> all;
    int fitting = 0;
    for (const Json& each : rule) {
      std::vector<std::string> of_this;
      Check(each, value, at, &of_this);
      fitting += of_this.empty() ? 1 : 0;
      all.insert(all.end(), of_this.begin(), of_this.end());
    }
    if (fitting == 1) return;
    faults->push_back(at + ": fits " + std::to_string(fitting) + " of oneOf");
    faults->insert(faults->end(), all.begin(), all.end());
  }

  void CheckObject(const Json& schema, const Json& value, const std::string& at,
                   std::vector<std::string>* faults) const {
    if (!value.is_object()) return;  // its type was checked
    const Json& properties = schema.at("properties");
    for (const auto& [name, one] : value.items()) {
      if (properties.contains(name)) {
        Check(properties.at(name), one, at + "." + name, faults);
      } else if (schema.value("additionalProperties", true) == false) {
        faults->push_back(at + "." + name + ": is not in the document");
      }
    }
    for (const Json& name : schema.value("required", Json::array())) {
      if (!value.contains(name.get<std::string>())) {
        faults->push_back(at + "." + name.get<std::string>() + ": is missing");
      }
    }
  }

  const Json& document_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_JSON_SCHEMA_H_

// Fields of JSON that came from elsewhere: an absent one, or one of another
// kind, is empty. Pure.
#ifndef PLIMSOLL_AGENT_KUBE_JSON_FIELD_H_
#define PLIMSOLL_AGENT_KUBE_JSON_FIELD_H_

#include <nlohmann/json.hpp>
#include <string>

namespace plimsoll::kube {

// The member, or a null value.
inline const nlohmann::json& Member(const nlohmann::json& object,
                                    const char* key) {
  static const auto& null = *new nlohmann::json();
  if (!object.is_object()) return null;
  auto it = object.find(key);
  return it == object.end() ? null : *it;
}

inline std::string Text(const nlohmann::json& object, const char* key) {
  const nlohmann::json& member = Member(object, key);
  return member.is_string() ? member.get<std::string>() : std::string();
}

}  // namespace plimsoll::kube

#endif  // PLIMSOLL_AGENT_KUBE_JSON_FIELD_H_

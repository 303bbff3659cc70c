// Holds answers of the API against the document that it serves itself.
#ifndef PLIMSOLL_TESTS_SUPPORT_API_ANSWERS_H_
#define PLIMSOLL_TESTS_SUPPORT_API_ANSWERS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "collector/http/api.h"
#include "gtest/gtest.h"
#include "tests/support/json_schema.h"

namespace plimsoll::testing {

// `path` is as the document writes it: "/api/v1/processes/{key}".
inline void ExpectAsDocumented(const std::string& path,
                               const collector::http::Response& response) {
  static const auto document =
      nlohmann::json::parse(collector::http::OpenApi(), nullptr, false);
  ASSERT_TRUE(document.is_object()) << "the document is no JSON";
  ASSERT_TRUE(document["paths"].contains(path)) << path;
  const auto& responses = document["paths"][path]["get"]["responses"];
  const auto& answer = responses[response.status == 200 ? "200" : "default"];
  const auto value = nlohmann::json::parse(response.body, nullptr, false);
  ASSERT_FALSE(value.is_discarded()) << path << response.body.substr(0, 200);
  for (const std::string& fault : JsonSchema(document).Faults(
           answer["content"]["application/json"]["schema"], value)) {
    ADD_FAILURE() << path << " " << fault;
  }
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_API_ANSWERS_H_

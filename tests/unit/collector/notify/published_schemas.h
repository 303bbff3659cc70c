// What the receivers publish of their messages, as checks.
#ifndef PLIMSOLL_TESTS_UNIT_COLLECTOR_NOTIFY_PUBLISHED_SCHEMAS_H_
#define PLIMSOLL_TESTS_UNIT_COLLECTOR_NOTIFY_PUBLISHED_SCHEMAS_H_

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace plimsoll::collector::notify {

inline size_t Characters(const std::string& utf8) {
  size_t count = 0;
  for (const char c : utf8) {
    count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  }
  return count;
}

// PagerDuty, Events API v2, "Send an Alert Event": fields, kinds and bounds.
inline void ExpectPagerDutyEvent(const std::string& body) {
  EXPECT_LE(body.size(), 512u * 1024);
  const auto event = nlohmann::json::parse(body, nullptr, false);
  ASSERT_TRUE(event.is_object()) << body.substr(0, 200);
  const std::set<std::string> known = {
      "routing_key", "event_action", "dedup_key", "payload",
      "images",      "links",        "client",    "client_url"};
  for (const auto& [key, value] : event.items()) {
    EXPECT_TRUE(known.contains(key)) << key;
  }
  EXPECT_FALSE(event.at("routing_key").get<std::string>().empty());
  const std::string action = event.at("event_action");
  EXPECT_TRUE(action == "trigger" || action == "resolve") << action;
  const std::string key = event.at("dedup_key");
  EXPECT_FALSE(key.empty());
  EXPECT_LE(Characters(key), 255u);
  const auto& payload = event.at("payload");
  const std::set<std::string> of_payload = {
      "summary",   "source", "severity", "timestamp",
      "component", "group",  "class",    "custom_details"};
  for (const auto& [name, value] : payload.items()) {
    EXPECT_TRUE(of_payload.contains(name)) << name;
  }
  EXPECT_FALSE(payload.at("summary").get<std::string>().empty());
  EXPECT_LE(Characters(payload.at("summary")), 1024u);
  EXPECT_FALSE(payload.at("source").get<std::string>().empty());
  EXPECT_TRUE((std::set<std::string>{"critical", "error", "warning", "info"})
                  .contains(payload.at("severity")));
  const std::string time = payload.at("timestamp");
  EXPECT_EQ(time.size(), 24u) << time;
  EXPECT_EQ(time.back(), 'Z');
  EXPECT_TRUE(payload.at("custom_details").is_object());
  for (const auto& link : event.at("links")) {
    EXPECT_TRUE(link.at("href").get<std::string>().starts_with("http"));
    EXPECT_FALSE(link.at("text").get<std::string>().empty());
  }
}

inline void ExpectTextObject(const nlohmann::json& text, size_t most) {
  const std::string type = text.at("type");
  EXPECT_TRUE(type == "plain_text" || type == "mrkdwn") << type;
  const std::string words = text.at("text");
  EXPECT_FALSE(words.empty());
  EXPECT_LE(Characters(words), most);
}

// Slack, incoming webhooks and Block Kit: the blocks that are used, with their
// bounds; and the bound on all of them, which Slack names only in its error.
inline void ExpectSlackMessage(const std::string& body) {
  const auto message = nlohmann::json::parse(body, nullptr, false);
  ASSERT_TRUE(message.is_object()) << body.substr(0, 200);
  EXPECT_FALSE(message.at("text").get<std::string>().empty());
  EXPECT_LE(Characters(message.at("text")), 4000u);
  const auto& blocks = message.at("blocks");
  ASSERT_TRUE(blocks.is_array());
  EXPECT_LE(blocks.size(), 50u);
  EXPECT_LE(Characters(blocks.dump()), 13'000u) << "msg_blocks_too_long";
  for (const auto& block : blocks) {
    const std::string type = block.at("type");
    if (type == "header") {
      EXPECT_EQ(block.at("text").at("type"), "plain_text");
      ExpectTextObject(block.at("text"), 150);
    } else if (type == "section") {
      ExpectTextObject(block.at("text"), 3000);
    } else if (type == "context") {
      ASSERT_LE(block.at("elements").size(), 10u);
      for (const auto& e : block.at("elements")) ExpectTextObject(e, 3000);
    } else {
      ADD_FAILURE() << "a block that is not known here: " << type;
    }
  }
}

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_TESTS_UNIT_COLLECTOR_NOTIFY_PUBLISHED_SCHEMAS_H_

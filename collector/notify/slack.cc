#include "collector/notify/slack.h"

#include <string_view>

#include "collector/core/text/json_writer.h"
#include "collector/notify/payload.h"
#include "collector/notify/text_bounds.h"

namespace plimsoll::collector::notify {
namespace {

constexpr size_t kMostHeader = 150;
constexpr size_t kMostText = 2900;  // of a section, its marks included
constexpr size_t kMostLine = 900;   // of a page
constexpr size_t kCaption = 10;

// Slack's three; a backtick would end the block that shows text as it is.
std::string Escaped(std::string_view text, size_t most_bytes) {
  std::string out;
  for (const char c : text) {
    const std::string_view piece = c == '&'   ? "&amp;"
                                   : c == '<' ? "&lt;"
                                   : c == '>' ? "&gt;"
                                   : c == '`' ? "'"
                                              : std::string_view(&c, 1);
    if (out.size() + piece.size() + 3 > most_bytes) {
      // Not in the middle of a character.
      while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0x80)) {
        out.pop_back();
      }
      return out + "...";
    }
    out += piece;
  }
  return out;
}

void Section(const std::string& mrkdwn, JsonWriter* json) {
  json->BeginObject().Field("type", "section").Key("text").BeginObject();
  json->Field("type", "mrkdwn").Field("text", mrkdwn).EndObject().EndObject();
}

// The lines of the page as they are, in as many sections as they need.
void Lines(const Notification& n, JsonWriter* json) {
  std::string text;
  const auto flush = [&] {
    if (!text.empty()) Section("```" + text + "```", json);
    text.clear();
  };
  for (const PageLine& line : kPageLines) {
    const std::string words =
        Escaped(At(n.annotations, line.annotation), kMostLine);
    if (words.empty()) continue;
    std::string caption = line.caption;
    caption.resize(kCaption, ' ');
    if (text.size() + caption.size() + words.size() + 7 > kMostText) flush();
    text += (text.empty() ? "" : "\n") + caption + words;
  }
  flush();
}

std::string Header(const Notification& n) {
  const std::string status = n.Status();
  const std::string head = status == "page"     ? "PAGE: "
                           : status == "ticket" ? "Ticket: "
                                                : "Resolved: ";
  return Bounded(head + std::string(At(n.labels, "workload")) +
                     (n.resolved ? ", its memory leak" : " leaks memory"),
                 kMostHeader);
}

std::string Place(const Notification& n) {
  std::string place;
  for (const char* key : {"cluster", "namespace", "kind", "owner"}) {
    const std::string_view value = At(n.labels, key);
    if (value.empty()) continue;
    place += (place.empty() ? "" : " · ") + std::string(key) + " " +
             Escaped(value, 200);
  }
  return place;
}

void Links(const Notification& n, JsonWriter* json) {
  std::string links;
  const auto add = [&](std::string_view url, const char* text) {
    if (url.empty()) return;
    links += (links.empty() ? "" : " · ") + ("<" + Escaped(url, 1000)) + "|" +
             text + ">";
  };
  add(n.generator_url, "Incident and evidence");
  add(At(n.annotations, "runbook_url"), "Runbook");
  if (!links.empty()) Section(links, json);
}

}  // namespace

std::string SlackBody(const Notification& n) {
  const std::string title = Escaped(At(n.annotations, "summary"), kMostLine);
  const std::string end = Escaped(At(n.annotations, "resolved"), kMostLine);
  JsonWriter json;
  json.BeginObject();
  json.Field("text", Header(n) + ". " + (n.resolved ? end : title));
  json.Key("blocks").BeginArray();
  json.BeginObject().Field("type", "header").Key("text").BeginObject();
  json.Field("type", "plain_text").Field("text", Header(n)).EndObject();
  json.EndObject();
  if (n.resolved) Section("```" + (end.empty() ? "over" : end) + "```", &json);
  if (!title.empty()) {
    Section(std::string("```") + (n.resolved ? "it was: " : "") + title + "```",
            &json);
  }
  if (!n.resolved) Lines(n, &json);
  if (const std::string place = Place(n); !place.empty()) {
    json.BeginObject().Field("type", "context").Key("elements").BeginArray();
    json.BeginObject().Field("type", "mrkdwn").Field("text", place);
    json.EndObject().EndArray().EndObject();
  }
  Links(n, &json);
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace plimsoll::collector::notify

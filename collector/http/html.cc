#include "collector/http/html.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

#include "collector/core/text/format.h"

namespace plimsoll::collector::http {
namespace {

constexpr char kStyle[] = R"css(
:root{color-scheme:light dark;--line:#d5dbe1;--soft:#5c6873;--card:#f6f8fa;
--bad:#b3261e;--good:#1a7f37;--link:#0b57d0}
@media(prefers-color-scheme:dark){:root{--line:#39424c;--soft:#9aa7b4;
--card:#1c2229;--bad:#ff8a80;--good:#6fdd8b;--link:#8ab4f8}
body{background:#12161b;color:#e6edf3}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:76rem;
padding:1rem 1.25rem 4rem}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
a{color:var(--link)}p,.soft{color:var(--soft)}.bad{color:var(--bad)}
.good{color:var(--good)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.35rem .7rem .35rem 0;vertical-align:top;
border-bottom:1px solid var(--line)}
.long{overflow-wrap:anywhere;min-width:12rem}
th{white-space:nowrap}.facts th{white-space:normal}
summary{cursor:pointer;color:var(--soft)}
.facts th{width:11rem}
th{color:var(--soft);font-weight:600}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;
padding:.8rem 1rem;margin:.7rem 0}
.card.firing{border-left:5px solid var(--bad)}
pre{font:13px/1.5 ui-monospace,monospace;margin:.4rem 0 0;overflow-x:auto;
white-space:pre-wrap;overflow-wrap:anywhere}
h1{overflow-wrap:anywhere}
@media(max-width:40rem){body{padding:.5rem .6rem 3rem;font-size:14px}
h1{font-size:1.2rem}.facts th{width:7rem}}
)css";

std::string EscapeMarkup(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

// The number of a direction character (U+200E, U+200F, U+202A-202E,
// U+2066-2069) at the front of `text`; 0 if there is none.
int DirectionCharacter(std::string_view text) {
  if (text.size() < 3 || text[0] != '\xe2') return 0;
  const int code = 0x2000 | (text[1] & 0x3f) << 6 | (text[2] & 0x3f);
  const bool turns = code == 0x200e || code == 0x200f ||
                     (code >= 0x202a && code <= 0x202e) ||
                     (code >= 0x2066 && code <= 0x2069);
  return (text[1] == '\x80' || text[1] == '\x81') && turns ? code : 0;
}

bool HasLongWord(std::string_view text) {
  constexpr size_t kLong = 40;
  size_t length = 0;
  for (char c : text) {
    length = c == ' ' ? 0 : length + 1;
    if (length > kLong) return true;
  }
  return false;
}

}  // namespace

std::string UtcTime(int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm utc{};
  std::array<char, 40> text{};
  if (gmtime_r(&seconds, &utc) == nullptr) return "";
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &utc);
  return text.data();
}

std::string Ago(int64_t now_ns, int64_t then_ns) {
  const double seconds = static_cast<double>(now_ns - then_ns) / 1e9;
  return FormatDuration(std::max(0.0, seconds)) + " ago";
}

std::string WorkloadText(const WorkloadName& name) {
  std::string place;
  for (const std::string* part : {&name.cluster, &name.ns, &name.kind}) {
    if (!part->empty()) place += (place.empty() ? "" : "/") + *part;
  }
  return place.empty() ? name.name : name.name + " (" + place + ")";
}

std::string Escape(std::string_view text) {
  std::string out;
  size_t plain = 0;
  for (size_t at = 0; at < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[at]);
    const int turns = DirectionCharacter(text.substr(at));
    const bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    if (turns == 0 && !control) {
      ++at;
      continue;
    }
    out += EscapeMarkup(text.substr(plain, at - plain));
    std::array<char, 16> number{};
    std::snprintf(number.data(), number.size(), "\\u%04x",
                  control ? static_cast<int>(c) : turns);
    out += number.data();
    at += control ? 1 : 3;
    plain = at;
  }
  return out + EscapeMarkup(text.substr(plain));
}

Html::Html(std::string_view title, int refresh_s) {
  Raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\">");
  if (refresh_s > 0) {
    Raw("<meta http-equiv=\"refresh\" content=\"" + std::to_string(refresh_s) +
        "\">");
  }
  Element("title", title).Raw("<style>").Raw(kStyle);
  Raw("</style></head><body>").Element("h1", title);
}

Html& Html::Element(std::string_view tag, std::string_view text) {
  Raw("<").Raw(tag).Raw(">").Text(text).Raw("</");
  return Raw(tag.substr(0, tag.find(' '))).Raw(">");
}

Html& Html::Link(std::string_view href, std::string_view text) {
  return Raw("<a href=\"").Text(href).Raw("\">").Text(text).Raw("</a>");
}

Html& Html::TableBegin(std::initializer_list<std::string_view> columns) {
  Raw("<div class=\"scroll\"><table><thead><tr>");
  for (std::string_view column : columns) {
    if (column[0] == '>') {
      Element("th class=\"n\"", column.substr(1));
    } else {
      Element("th", column);
    }
  }
  return Raw("</tr></thead><tbody>");
}

Html& Html::Cell(std::string_view text) {
  return Element(HasLongWord(text) ? "td class=\"long\"" : "td", text);
}

Html& Html::Number(std::string_view text) {
  return Element("td class=\"n\"", text);
}

Html& Html::Fact(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  return Raw("<tr>").Element("th", name).Cell(value).Raw("</tr>");
}

std::string Html::Take() {
  Raw("</body></html>");
  return std::move(out_);
}

}  // namespace plimsoll::collector::http

// Writes HTML: text is escaped unless it says Raw. Private to collector/http.
#ifndef PLIMSOLL_COLLECTOR_HTTP_HTML_H_
#define PLIMSOLL_COLLECTOR_HTTP_HTML_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "collector/core/fleet.h"

namespace plimsoll::collector::http {

// Markup, and what would hide or reorder what follows it (control and
// direction characters), which comes out as its number: "\\u202e".
std::string Escape(std::string_view text);

// "2026-11-21 15:16:44 UTC": a fleet has more time zones than one.
std::string UtcTime(int64_t unix_ns);
// "3 min ago"; what is in the future is "0 s ago".
std::string Ago(int64_t now_ns, int64_t then_ns);
// "routing-api (prod/routing/Deployment)": the parts that are known.
std::string WorkloadText(const WorkloadName& name);

class Html {
 public:
  // Opens a document; `refresh_s` 0: it does not reload itself.
  Html(std::string_view title, int refresh_s);
  Html& Raw(std::string_view markup) {
    out_.append(markup);
    return *this;
  }
  Html& Text(std::string_view text) { return Raw(Escape(text)); }
  Html& Element(std::string_view tag, std::string_view text);
  Html& Link(std::string_view href, std::string_view text);
  // A table's head; right-aligned columns begin with '>'.
  Html& TableBegin(std::initializer_list<std::string_view> columns);
  Html& TableEnd() { return Raw("</tbody></table></div>"); }
  // A row of two cells: a name and its value; nothing for an empty value.
  Html& Fact(std::string_view name, std::string_view value);
  Html& Cell(std::string_view text);
  Html& Number(std::string_view text);
  std::string Take();

 private:
  std::string out_;
};

}  // namespace plimsoll::collector::http

#endif  // PLIMSOLL_COLLECTOR_HTTP_HTML_H_

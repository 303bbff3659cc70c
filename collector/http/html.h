// Writes HTML: text is escaped unless it says Raw. Private to collector/http.
#ifndef PLIMSOLL_COLLECTOR_HTTP_HTML_H_
#define PLIMSOLL_COLLECTOR_HTTP_HTML_H_

#include <initializer_list>
#include <string>
#include <string_view>

namespace plimsoll::collector::http {

std::string Escape(std::string_view text);

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
  Html& Cell(std::string_view text) { return Element("td", text); }
  Html& Number(std::string_view text);
  std::string Take();

 private:
  std::string out_;
};

}  // namespace plimsoll::collector::http

#endif  // PLIMSOLL_COLLECTOR_HTTP_HTML_H_

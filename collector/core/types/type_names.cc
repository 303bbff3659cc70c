#include "collector/core/types/type_names.h"

#include <algorithm>
#include <array>

namespace plimsoll::collector {
namespace {

// Top-level modules of the standard library whose classes are seen in heaps.
// Sorted. A name missing here is taken for the application's, which shows one
// row too many rather than hiding one.
constexpr std::array<std::string_view, 83> kStandardModules = {
    "_abc",         "_asyncio",        "_collections", "_contextvars",
    "_csv",         "_ctypes",         "_datetime",    "_decimal",
    "_functools",   "_hashlib",        "_io",          "_json",
    "_operator",    "_pickle",         "_queue",       "_random",
    "_socket",      "_sqlite3",        "_sre",         "_ssl",
    "_struct",      "_thread",         "_weakref",     "abc",
    "argparse",     "array",           "ast",          "asyncio",
    "builtins",     "codecs",          "collections",  "concurrent",
    "configparser", "contextlib",      "contextvars",  "copy",
    "csv",          "ctypes",          "dataclasses",  "datetime",
    "decimal",      "email",           "enum",         "fractions",
    "functools",    "gettext",         "hashlib",      "html",
    "http",         "importlib",       "inspect",      "io",
    "ipaddress",    "itertools",       "json",         "logging",
    "mmap",         "multiprocessing", "operator",     "os",
    "pathlib",      "pickle",          "queue",        "random",
    "re",           "sched",           "select",       "selectors",
    "signal",       "socket",          "sqlite3",      "ssl",
    "string",       "struct",          "subprocess",   "tempfile",
    "threading",    "types",           "typing",       "urllib",
    "uuid",         "weakref",         "xml"};
static_assert(std::is_sorted(kStandardModules.begin(), kStandardModules.end()));

// A file and its directory tell modules apart on one line of a pager.
constexpr int kPathParts = 2;

// Past "/lib/python3.11/" (or python311.zip), npos when there is none.
size_t AfterStandardLibrary(std::string_view path) {
  const size_t at = path.find("/lib/python");
  if (at == std::string_view::npos) return at;
  const size_t slash = path.find('/', at + 11);
  return slash == std::string_view::npos ? slash : slash + 1;
}

size_t AfterPackages(std::string_view path) {
  for (std::string_view mark : {"/site-packages/", "/dist-packages/"}) {
    const size_t at = path.rfind(mark);
    if (at != std::string_view::npos) return at + mark.size();
  }
  return std::string_view::npos;
}

}  // namespace

Origin TypeOrigin(std::string_view type) {
  const size_t dot = type.find('.');
  if (dot == std::string_view::npos) return Origin::kBuiltin;
  return std::binary_search(kStandardModules.begin(), kStandardModules.end(),
                            type.substr(0, dot))
             ? Origin::kLibrary
             : Origin::kApplication;
}

Origin FrameOrigin(const Frame& frame) {
  const std::string_view path = frame.file;
  if (frame.native || path.empty() || path.front() == '<') {
    return Origin::kBuiltin;
  }
  const bool library = AfterPackages(path) != std::string_view::npos ||
                       AfterStandardLibrary(path) != std::string_view::npos;
  return library ? Origin::kLibrary : Origin::kApplication;
}

std::string_view KnownTo(const StackEvidence& row) {
  if (row.frames.empty() || !row.frames.front().native) return "";
  const Frame& frame = row.frames.front();
  if (frame.line > 0) return "line";
  // "near NAME": no symbol covers the address.
  const bool named =
      !frame.function.empty() && !frame.function.starts_with("near ");
  return named ? "function" : "module";
}

std::string ShortPath(std::string_view path) {
  size_t start = AfterPackages(path);
  if (start == std::string_view::npos) start = AfterStandardLibrary(path);
  if (start != std::string_view::npos) return std::string(path.substr(start));
  size_t slash = path.size();
  for (int part = 0; part < kPathParts; ++part) {
    if (slash == 0) return std::string(path);
    slash = path.rfind('/', slash - 1);
    if (slash == std::string_view::npos) return std::string(path);
  }
  return std::string(path.substr(slash + 1));
}

}  // namespace plimsoll::collector

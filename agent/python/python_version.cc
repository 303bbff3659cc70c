#include "agent/python/python_version.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/python/abseil_text.h"

namespace plimsoll::python {
namespace {

// One public function that each minor added to the C API and none backported.
struct Marker {
  int minor;
  std::string_view name;
};
constexpr std::array<Marker, 8> kMarkers = {{
    {7, "PyOS_AfterFork_Child"},
    {8, "Py_RunMain"},
    {9, "PyFrame_GetBack"},
    {10, "Py_NewRef"},
    {11, "PyFrame_GetLasti"},
    {12, "PyUnstable_Code_New"},
    {13, "PyDict_GetItemRef"},
    {14, "PyLong_IsPositive"},
}};

std::optional<int> MinorByExports(const ElfFile& elf) {
  std::vector<std::string_view> names;
  for (const Marker& m : kMarkers) names.push_back(m.name);
  const auto found = elf.FindSymbols(names);
  std::optional<int> minor;
  for (const Marker& m : kMarkers) {
    if (!found.contains(m.name)) break;
    minor = m.minor;
  }
  // A later marker after a gap means that this is no release that we know.
  if (minor && found.size() != static_cast<size_t>(*minor - 6)) {
    return std::nullopt;
  }
  return minor;
}

bool IsVersionCharacter(char c) {
  return (c >= '0' && c <= '9') || c == '.' || c == '+' ||
         (c >= 'a' && c <= 'z');
}

// Version texts that end a C string, with what stands before them: linkers keep
// a string that is the end of a longer one ("/opt/python/3.9.18") only there.
struct VersionTexts {
  std::set<std::string> whole;
  std::set<std::string> tails;
};

void CollectVersionTexts(std::string_view data, VersionTexts& texts) {
  constexpr size_t kLongest = 16;
  constexpr size_t kMostTexts = 64;
  for (size_t at = data.find("3.", 1); at != std::string_view::npos;
       at = data.find("3.", at + 1)) {
    const char before = data[at - 1];
    if (IsVersionCharacter(before)) continue;
    const std::string_view rest = data.substr(at, kLongest + 1);
    const size_t end = rest.find('\0');
    if (end == std::string_view::npos) continue;
    const std::string_view text = rest.substr(0, end);
    if (!std::all_of(text.begin(), text.end(), IsVersionCharacter) ||
        !ParseVersionText(text, nullptr)) {
      continue;
    }
    auto& set = before == '\0' ? texts.whole : texts.tails;
    if (set.size() < kMostTexts) set.insert(std::string(text));
  }
}

VersionTexts FindVersionTexts(const ElfFile& elf) {
  constexpr uint64_t kPiece = 1 << 20;
  constexpr uint64_t kOverlap = 32;
  constexpr uint64_t kMostBytes = 64 << 20;
  VersionTexts texts;
  for (const ElfSegment& s : elf.segments()) {
    if (s.writable) continue;
    const uint64_t limit = std::min(s.file_bytes, kMostBytes);
    for (uint64_t at = 0; at < limit; at += kPiece - kOverlap) {
      CollectVersionTexts(
          elf.ReadAddress(s.address + at, std::min(kPiece, limit - at)), texts);
    }
  }
  return texts;
}

// The literal in read-only data whose minor is `minor`; or a later one, where
// that is the newest that exports tell: releases since export all that it does.
void ReadVersionText(const ElfFile& elf, int minor, VersionEvidence& e) {
  const VersionTexts texts = FindVersionTexts(elf);
  for (const auto* set : {&texts.whole, &texts.tails}) {
    for (const std::string& text : *set) {
      bool prerelease = false;
      const auto version = ParseVersionText(text, &prerelease);
      if (!version || version->minor < minor) continue;
      if (version->minor > minor && minor != kMarkers.back().minor) continue;
      if (e.text) e.text_ambiguous = true;
      e.text = version;
      e.text_prerelease = prerelease;
    }
    if (e.text) return;  // whole strings say more than tails
  }
}

std::optional<int> TakeInt(std::string_view& rest) {
  int value = 0;
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc() || value < 0 || value > 999) return std::nullopt;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  return value;
}

bool TakeDot(std::string_view& rest) {
  if (rest.empty() || rest.front() != '.') return false;
  rest.remove_prefix(1);
  return true;
}

}  // namespace

core::PythonVersion VersionOfHex(uint32_t hex) {
  return {.major = static_cast<int>(hex >> 24),
          .minor = static_cast<int>((hex >> 16) & 0xff),
          .micro = static_cast<int>((hex >> 8) & 0xff)};
}

bool IsPrerelease(uint32_t hex) { return ((hex >> 4) & 0xf) != 0xf; }

std::optional<core::PythonVersion> ParseVersionText(std::string_view text,
                                                    bool* prerelease) {
  const auto major = TakeInt(text);
  if (!major || !TakeDot(text)) return std::nullopt;
  const auto minor = TakeInt(text);
  if (!minor || !TakeDot(text)) return std::nullopt;
  const auto micro = TakeInt(text);
  if (!micro) return std::nullopt;
  const bool tagged =
      !text.empty() &&
      (text.front() == 'a' || text.front() == 'b' || text.substr(0, 2) == "rc");
  if (!text.empty() && text != "+" && !tagged) return std::nullopt;
  if (prerelease != nullptr) *prerelease = tagged;
  return core::PythonVersion{*major, *minor, *micro};
}

std::optional<core::PythonVersion> VersionOfFileName(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  for (const std::string_view prefix : {"libpython", "python"}) {
    if (name.substr(0, prefix.size()) != prefix) continue;
    name.remove_prefix(prefix.size());
    const auto major = TakeInt(name);
    if (!major || !TakeDot(name)) return std::nullopt;
    const auto minor = TakeInt(name);
    if (!minor) return std::nullopt;
    return core::PythonVersion{*major, *minor, 0};
  }
  return std::nullopt;
}

VersionEvidence CollectVersionEvidence(const ElfFile& elf,
                                       std::string_view path) {
  VersionEvidence e;
  e.exports_minor = MinorByExports(elf);
  e.file_name = VersionOfFileName(path);
  static constexpr std::array<std::string_view, 1> kVersion = {"Py_Version"};
  if (const auto found = elf.FindSymbols(kVersion); !found.empty()) {
    const std::string bytes =
        elf.ReadAddress(found.begin()->second.address, sizeof(uint64_t));
    uint64_t hex = 0;
    if (bytes.size() == sizeof(hex)) {
      std::memcpy(&hex, bytes.data(), sizeof(hex));
      if (hex >> 32 == 0) e.version_hex = static_cast<uint32_t>(hex);
    }
  }
  if (e.exports_minor) ReadVersionText(elf, *e.exports_minor, e);
  return e;
}

absl::StatusOr<core::PythonVersion> DecideVersion(const VersionEvidence& e) {
  const auto refuse = [](std::string_view why) {
    return absl::UnimplementedError(
        absl::StrCat("Python version not certain: ", ToAbsl(why)));
  };
  if (!e.exports_minor) {
    return refuse("its exported functions fit no release that we know");
  }
  core::PythonVersion version{3, *e.exports_minor, 0};
  bool prerelease = false;
  if (e.version_hex) {
    version = VersionOfHex(*e.version_hex);
    prerelease = IsPrerelease(*e.version_hex);
  } else if (e.text_ambiguous) {
    return refuse("several version texts in its data");
  } else if (e.text) {
    version = *e.text;
    prerelease = e.text_prerelease;
  } else {
    return refuse("neither Py_Version nor a version text found");
  }
  if (version.major != 3 || version.minor != *e.exports_minor) {
    // 3.15 and later export all that 3.14 does.
    const bool newer = *e.exports_minor == kMarkers.back().minor &&
                       version.major == 3 && version.minor > 14;
    if (!newer) {
      return refuse(absl::StrFormat(
          "Py_Version or its text says %s, its exports say 3.%d",
          ToString(version), *e.exports_minor));
    }
  }
  if (e.text && !e.text_ambiguous && e.version_hex && *e.text != version) {
    return refuse(absl::StrFormat("Py_Version says %s, its text says %s",
                                  ToString(version), ToString(*e.text)));
  }
  if (e.file_name && (e.file_name->major != version.major ||
                      e.file_name->minor != version.minor)) {
    return refuse(absl::StrFormat("the file is named %d.%d and is %s",
                                  e.file_name->major, e.file_name->minor,
                                  ToString(version)));
  }
  if (prerelease) {
    return absl::UnimplementedError(
        absl::StrCat("pre-release of Python ", ToString(version),
                     ": the layout of its objects is not that of the release"));
  }
  return version;
}

std::string ToString(const core::PythonVersion& version) {
  return absl::StrFormat("%d.%d.%d", version.major, version.minor,
                         version.micro);
}

}  // namespace plimsoll::python

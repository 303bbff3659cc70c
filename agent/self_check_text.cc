#include "agent/self_check_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace plimsoll::agent {
namespace {

constexpr size_t kWidth = 80;
constexpr size_t kIndent = 12;

// Labels and errors may hold bytes of others.
std::string Printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) c = '?';
  }
  return out;
}

// Words from column `kIndent` on.
std::string Wrapped(std::string_view text) {
  std::string out;
  size_t column = kWidth;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (column + 1 + word.size() > kWidth) {
      if (!out.empty()) out += '\n';
      out.append(kIndent, ' ');
      column = kIndent;
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + "\n";
}

std::vector<std::string> Capabilities(const core::Surroundings& s, bool held) {
  std::vector<std::string> names;
  for (const core::Capability capability : core::kUsedCapabilities) {
    if (s.Has(capability) == held) {
      names.emplace_back(core::CapabilityName(capability));
    }
  }
  return names;
}

const char* SeccompName(int mode) {
  return mode == 0 ? "none" : mode == 1 ? "strict" : "filter";
}

std::string CgroupName(const core::Surroundings& s) {
  if (s.cgroup_v1 && s.cgroup_v2) return "v1 and v2";
  return s.cgroup_v1 ? "v1" : s.cgroup_v2 ? "v2" : "none";
}

std::string Known(const std::optional<int>& value) {
  return value ? std::to_string(*value) : "not there";
}

std::string Known(const std::string& value) {
  return value.empty() ? "not there" : Printable(value);
}

std::string RenderSurroundings(const core::Surroundings& s) {
  const std::vector<std::string> missing = Capabilities(s, false);
  const std::vector<std::pair<const char*, std::string>> rows = {
      {"capabilities", missing.empty()
                           ? "all five that are used"
                           : "missing: " + absl::StrJoin(missing, " ")},
      {"no new privileges", s.no_new_privileges ? "yes" : "no"},
      {"seccomp", SeccompName(s.seccomp_mode)},
      {"security label", Known(s.security_label)},
      {"Yama ptrace_scope", Known(s.yama_scope)},
      {"lockdown", Known(s.lockdown)},
      {"perf_event_paranoid", Known(s.perf_event_paranoid)},
      {"unprivileged_bpf_disabled", Known(s.unprivileged_bpf_disabled)},
      {"BTF", s.btf ? "yes" : "no"},
      {"memory cgroup", CgroupName(s)},
      {"tracefs", s.tracefs ? "mounted" : "not mounted"},
      {"PID namespace", s.host_pid_namespace ? "the host's" : "another"},
  };
  std::string out = "\nsurroundings\n";
  for (const auto& [name, value] : rows) {
    absl::StrAppendFormat(&out, "  %-26s %s\n", name, value);
  }
  return out;
}

nlohmann::ordered_json OrNull(const std::optional<int>& value) {
  if (!value) return nullptr;
  return *value;
}

nlohmann::ordered_json OrNull(const std::string& value) {
  if (value.empty()) return nullptr;
  return value;
}

}  // namespace

std::string RenderSelfCheck(const core::Surroundings& surroundings,
                            const core::SelfCheck& check) {
  const auto works =
      std::count_if(check.tiers.begin(), check.tiers.end(),
                    [](const core::TierCheck& row) { return row.works; });
  std::string out = absl::StrFormat(
      "kernel %s: %d of %d work here, each tried just now\n\n",
      Printable(surroundings.kernel), works, check.tiers.size());
  for (const core::TierCheck& row : check.tiers) {
    absl::StrAppendFormat(&out, "%-9s %s %s%s\n", row.tier,
                          row.works ? "+" : "-", row.what,
                          row.how.empty() ? "" : " (" + row.how + ")");
    if (row.works) continue;
    out += Wrapped("not: " + Printable(row.reason));
    out += Wrapped("do:  " + Printable(row.remedy));
  }
  out += RenderSurroundings(surroundings);
  for (const std::string& note : check.notes) {
    absl::StrAppend(&out, "\nnote:", Wrapped(Printable(note)).substr(5));
  }
  return out;
}

std::string SelfCheckJson(const core::Surroundings& s,
                          const core::SelfCheck& check) {
  nlohmann::ordered_json out = {{"schema", "plimsoll.check/1"},
                                {"kernel", s.kernel},
                                {"all_work", check.all_work()}};
  out["tiers"] = nlohmann::ordered_json::array();
  for (const core::TierCheck& row : check.tiers) {
    out["tiers"].push_back({{"tier", row.tier},
                            {"works", row.works},
                            {"what", row.what},
                            {"how", OrNull(row.how)},
                            {"reason", OrNull(row.reason)},
                            {"remedy", OrNull(row.remedy)}});
  }
  out["surroundings"] = {
      {"capabilities", Capabilities(s, true)},
      {"missing_capabilities", Capabilities(s, false)},
      {"no_new_privileges", s.no_new_privileges},
      {"seccomp", SeccompName(s.seccomp_mode)},
      {"security_label", OrNull(s.security_label)},
      {"yama_ptrace_scope", OrNull(s.yama_scope)},
      {"lockdown", OrNull(s.lockdown)},
      {"perf_event_paranoid", OrNull(s.perf_event_paranoid)},
      {"unprivileged_bpf_disabled", OrNull(s.unprivileged_bpf_disabled)},
      {"btf", s.btf},
      {"memory_cgroup", CgroupName(s)},
      {"tracefs", s.tracefs},
      {"host_pid_namespace", s.host_pid_namespace}};
  out["notes"] = check.notes;
  return out.dump(-1, ' ', false,
                  nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace plimsoll::agent

#include "collector/core/incident/incident.h"

#include <algorithm>
#include <array>

namespace plimsoll::collector {

std::string_view ToString(IncidentState state) {
  constexpr std::array<std::string_view, 3> kNames = {"pending", "firing",
                                                      "resolved"};
  return kNames[static_cast<size_t>(state)];
}

bool IsJudged(const Incident& incident) {
  return incident.rule == "judgement" || incident.raised_ns > 0;
}

void NoteFormerCause(Verdict told, Incident& incident) {
  if (incident.fired_ns > 0 && incident.cause != told &&
      told != Verdict::kLeak) {
    incident.cause_before = told;
  }
}

std::optional<double> NativeShare(const Incident& incident) {
  if (!incident.native_bytes_per_s) return std::nullopt;
  if (incident.shares.native) return incident.shares.native;
  return incident.native_bytes_per_s->value /
         std::max(1.0, incident.bytes_per_s.value);
}

std::string PageText::ToString() const {
  std::string out = title + "\n";
  const auto line = [&](std::string caption, const std::string& text) {
    caption.resize(10, ' ');
    out += caption + text + "\n";
  };
  line("what", what);
  line("held by", held_by);
  line("made at", made_at);
  line("kept at", kept_at);
  line("traffic", traffic);
  line("where", where);
  line("do now", do_now);
  line("trust", trust);
  return out;
}

}  // namespace plimsoll::collector

// core::BirthLook and core::BirthFindings to and from their messages. Pure; any
// thread.
#ifndef PLIMSOLL_AGENT_INSPECTOR_BIRTH_CODEC_H_
#define PLIMSOLL_AGENT_INSPECTOR_BIRTH_CODEC_H_

#include "absl/status/statusor.h"
#include "agent/core/birth_look.h"
#include "plimsoll/inspector/v1/inspector.pb.h"

namespace plimsoll::inspector {

// All but the process.
void EncodeBirthLook(const core::BirthLook& look, v1::LookAtBirths& out);
// kInvalidArgument: more wishes or blocks than one look may ask.
absl::StatusOr<core::BirthLook> DecodeBirthLook(const v1::LookAtBirths& in);

void EncodeBirthFindings(const core::BirthFindings& found,
                         v1::BirthFindings& out);
// kInvalidArgument: counts that make no sense, or that many answers.
absl::StatusOr<core::BirthFindings> DecodeBirthFindings(
    const v1::BirthFindings& in);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_BIRTH_CODEC_H_

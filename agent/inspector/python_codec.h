// core::PythonProcess to and from its message. Pure; any thread.
#ifndef PLIMSOLL_AGENT_INSPECTOR_PYTHON_CODEC_H_
#define PLIMSOLL_AGENT_INSPECTOR_PYTHON_CODEC_H_

#include "absl/status/statusor.h"
#include "agent/core/python_layout.h"
#include "plimsoll/inspector/v1/inspector.pb.h"

namespace plimsoll::inspector {

void EncodePython(const core::PythonProcess& python, v1::PythonProcess& out);

// kInvalidArgument when a part is missing or out of range.
absl::StatusOr<core::PythonProcess> DecodePython(const v1::PythonProcess& in);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_PYTHON_CODEC_H_

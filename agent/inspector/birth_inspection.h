// The birth watch's looks in the child: over pymalloc's pools and malloc's
// chunks. The caller checks before and after that the process is the one that
// was meant. One thread.
#ifndef PLIMSOLL_AGENT_INSPECTOR_BIRTH_INSPECTION_H_
#define PLIMSOLL_AGENT_INSPECTOR_BIRTH_INSPECTION_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "agent/core/birth_look.h"
#include "agent/core/python_layout.h"

namespace plimsoll::inspector {

absl::StatusOr<core::BirthFindings> FindBirths(
    std::string_view proc_root, const core::PythonProcess& python,
    const core::BirthLook& look);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_BIRTH_INSPECTION_H_

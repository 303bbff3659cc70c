#include "agent/inspector/birth_inspection.h"

#include <utility>
#include <vector>

#include "agent/heap/birth_spots.h"
#include "agent/heap/birth_survey.h"
#include "agent/heap/chunk_spots.h"
#include "agent/heap/chunk_survey.h"
#include "agent/inspector/resident_pages.h"
#include "agent/inspector/target_memory.h"
#include "agent/python/malloc_text.h"
#include "agent/python/process_files.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::inspector {
namespace {

absl::StatusOr<core::BirthSurvey> SurveyMalloc(
    const core::MemorySource& memory, const python::ProcessFiles& files,
    const std::vector<core::Mapping>& mappings,
    const std::vector<heap::AddressRange>& ranges,
    const core::PythonProcess& python, uint64_t type) {
  PLIMSOLL_ASSIGN_OR_RETURN(const python::FunctionBounds text,
                            python::FindMallocTextOf(files));
  PLIMSOLL_ASSIGN_OR_RETURN(
      core::BirthSurvey survey,
      heap::SurveyChunks(memory, mappings, ranges, python, type));
  survey.malloc_begin = text.begin;
  survey.malloc_end = text.end;
  return survey;
}

}  // namespace

absl::StatusOr<core::BirthFindings> FindBirths(
    std::string_view proc_root, const core::PythonProcess& python,
    const core::BirthLook& look) {
  const TargetMemory memory(python.pid);
  core::BirthFindings found;
  if (look.survey_type != 0 || look.survey_chunks) {
    const python::ProcProcessFiles files(proc_root, python.pid);
    PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<core::Mapping> mappings,
                              files.ReadMappings());
    const Residency resident =
        ReadResidentRanges(proc_root, python.pid, heap::PoolRanges(mappings),
                           python.objects.pool_bytes);
    if (look.survey_type != 0) {
      PLIMSOLL_ASSIGN_OR_RETURN(
          found.survey, heap::SurveyBirths(memory, mappings, resident.ranges,
                                           python, look.survey_type));
    }
    if (look.survey_chunks) {
      auto survey = SurveyMalloc(memory, files, mappings, resident.ranges,
                                 python, look.survey_type);
      if (survey.ok()) {
        found.chunk_survey = *std::move(survey);
      } else if (look.survey_type == 0) {
        return survey.status();
      }
    }
  }
  for (const core::SpotWish& wish : look.wishes) {
    found.spots.push_back(wish.most_bytes != 0
                              ? heap::FindChunkSpot(memory, wish)
                              : heap::FindSpot(memory, python.objects, wish));
  }
  for (const core::BlockQuestion& block : look.blocks) {
    found.blocks.push_back(
        block.most_bytes != 0
            ? heap::LookAtChunk(memory, block)
            : heap::LookAtBlock(memory, python.objects, block));
  }
  return found;
}

}  // namespace plimsoll::inspector

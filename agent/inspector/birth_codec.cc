#include "agent/inspector/birth_codec.h"

#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::inspector {
namespace {

using core::ChunkSource;

constexpr int kMostParts = 1 << 14;
constexpr int kMostClasses = 1 << 10;
constexpr int64_t kMostCount = int64_t{1} << 62;

absl::Status Refusal(const char* what) {
  return absl::InvalidArgumentError(what);
}

absl::StatusOr<ChunkSource> SourceOf(int32_t kind, uint64_t address) {
  if (kind < 0 || kind > static_cast<int32_t>(ChunkSource::Kind::kBins)) {
    return Refusal("a place of malloc that makes no sense");
  }
  return ChunkSource{static_cast<ChunkSource::Kind>(kind), address};
}

void EncodeSurvey(const core::BirthSurvey& from,
                  v1::BirthFindings::Survey& out) {
  out.set_type_address(from.type_address);
  out.set_tp_name(from.tp_name);
  out.set_type_flags(from.type_flags);
  for (const core::BlockClass& c : from.classes) {
    auto& blocks = *out.add_classes();
    blocks.set_block_bytes(c.block_bytes);
    blocks.set_object_offset(c.object_offset);
    blocks.set_objects(c.objects);
    blocks.set_list_head(c.list_head);
    blocks.set_most_bytes(c.most_bytes);
    blocks.set_step_bytes(c.step_bytes);
  }
  for (const ChunkSource& source : from.sources) {
    out.add_source_kinds(static_cast<int32_t>(source.kind));
    out.add_sources(source.address);
  }
  out.set_malloc_begin(from.malloc_begin);
  out.set_malloc_end(from.malloc_end);
}

absl::StatusOr<core::BirthSurvey> DecodeSurvey(
    const v1::BirthFindings::Survey& in) {
  if (in.classes_size() > kMostClasses || in.sources_size() > kMostParts ||
      in.sources_size() != in.source_kinds_size() ||
      in.malloc_end() < in.malloc_begin()) {
    return Refusal("a survey that makes no sense");
  }
  core::BirthSurvey survey;
  survey.type_address = in.type_address();
  survey.tp_name = in.tp_name();
  survey.type_flags = in.type_flags();
  for (const auto& c : in.classes()) {
    if (c.objects() < 0 || c.objects() > kMostCount / kMostClasses ||
        c.block_bytes() <= 0 || c.most_bytes() < 0 || c.step_bytes() < 0 ||
        (c.most_bytes() != 0 && (c.most_bytes() < c.block_bytes() ||
                                 c.step_bytes() < c.block_bytes()))) {
      return Refusal("a survey holds a count that makes no sense");
    }
    survey.classes.push_back({c.block_bytes(), c.object_offset(), c.objects(),
                              c.list_head(), c.most_bytes(), c.step_bytes()});
  }
  for (int i = 0; i < in.sources_size(); ++i) {
    PLIMSOLL_ASSIGN_OR_RETURN(const ChunkSource source,
                              SourceOf(in.source_kinds(i), in.sources(i)));
    survey.sources.push_back(source);
  }
  survey.malloc_begin = in.malloc_begin();
  survey.malloc_end = in.malloc_end();
  return survey;
}

}  // namespace

void EncodeBirthLook(const core::BirthLook& look, v1::LookAtBirths& out) {
  out.set_survey_type(look.survey_type);
  out.set_survey_chunks(look.survey_chunks);
  for (const core::SpotWish& w : look.wishes) {
    auto& wish = *out.add_wishes();
    wish.set_block_bytes(w.block_bytes);
    wish.set_list_head(w.list_head);
    wish.set_ahead(w.ahead);
    wish.set_most_bytes(w.most_bytes);
    wish.set_step_bytes(w.step_bytes);
    wish.set_source_kind(static_cast<int32_t>(w.source.kind));
    wish.set_source(w.source.address);
  }
  for (const core::BlockQuestion& b : look.blocks) {
    auto& block = *out.add_blocks();
    block.set_block(b.block);
    block.set_block_bytes(b.block_bytes);
    block.set_object_offset(b.object_offset);
    block.set_most_bytes(b.most_bytes);
    block.set_arena(b.arena);
    block.set_cache_mark(b.cache_mark);
  }
}

absl::StatusOr<core::BirthLook> DecodeBirthLook(const v1::LookAtBirths& in) {
  if (in.wishes_size() > kMostParts || in.blocks_size() > kMostParts) {
    return Refusal("a look at too many blocks at once");
  }
  core::BirthLook look;
  look.survey_type = in.survey_type();
  look.survey_chunks = in.survey_chunks();
  for (const auto& w : in.wishes()) {
    PLIMSOLL_ASSIGN_OR_RETURN(const ChunkSource source,
                              SourceOf(w.source_kind(), w.source()));
    look.wishes.push_back({w.block_bytes(), w.list_head(), w.ahead(),
                           w.most_bytes(), w.step_bytes(), source});
  }
  for (const auto& b : in.blocks()) {
    look.blocks.push_back({b.block(), b.block_bytes(), b.object_offset(),
                           b.most_bytes(), b.arena(), b.cache_mark()});
  }
  return look;
}

void EncodeBirthFindings(const core::BirthFindings& found,
                         v1::BirthFindings& out) {
  if (found.survey) EncodeSurvey(*found.survey, *out.mutable_survey());
  if (found.chunk_survey) {
    EncodeSurvey(*found.chunk_survey, *out.mutable_chunk_survey());
  }
  for (const core::BirthSpot& s : found.spots) {
    auto& spot = *out.add_spots();
    spot.set_block(s.block);
    spot.set_ahead(s.ahead);
    spot.set_chunk_bytes(s.chunk_bytes);
    spot.set_cache_mark(s.cache_mark);
    spot.set_head(s.head);
    spot.set_next_head(s.next_head);
  }
  for (const core::BlockState& s : found.blocks) {
    auto& state = *out.add_blocks();
    state.set_in_pool(s.in_pool);
    state.set_handed_out(s.handed_out);
    state.set_referenced(s.referenced);
    state.set_type_address(s.type_address);
    state.set_chunk_bytes(s.chunk_bytes);
  }
}

absl::StatusOr<core::BirthFindings> DecodeBirthFindings(
    const v1::BirthFindings& in) {
  if (in.spots_size() > kMostParts || in.blocks_size() > kMostParts) {
    return Refusal("answers about too many blocks");
  }
  core::BirthFindings found;
  if (in.has_survey()) {
    PLIMSOLL_ASSIGN_OR_RETURN(found.survey, DecodeSurvey(in.survey()));
  }
  if (in.has_chunk_survey()) {
    PLIMSOLL_ASSIGN_OR_RETURN(found.chunk_survey,
                              DecodeSurvey(in.chunk_survey()));
  }
  for (const auto& s : in.spots()) {
    found.spots.push_back({s.block(), s.ahead(), s.chunk_bytes(),
                           s.cache_mark(), s.head(), s.next_head()});
  }
  for (const auto& s : in.blocks()) {
    found.blocks.push_back({s.in_pool(), s.handed_out(), s.referenced(),
                            s.type_address(), s.chunk_bytes()});
  }
  return found;
}

}  // namespace plimsoll::inspector

#include "agent/inspector/birth_codec.h"

#include <utility>

namespace plimsoll::inspector {
namespace {

constexpr int kMostParts = 1 << 14;
constexpr int kMostClasses = 1 << 10;
constexpr int64_t kMostCount = int64_t{1} << 62;

}  // namespace

void EncodeBirthLook(const core::BirthLook& look, v1::LookAtBirths& out) {
  out.set_survey_type(look.survey_type);
  for (const core::SpotWish& w : look.wishes) {
    auto& wish = *out.add_wishes();
    wish.set_block_bytes(w.block_bytes);
    wish.set_list_head(w.list_head);
    wish.set_ahead(w.ahead);
  }
  for (const core::BlockQuestion& b : look.blocks) {
    auto& block = *out.add_blocks();
    block.set_block(b.block);
    block.set_block_bytes(b.block_bytes);
    block.set_object_offset(b.object_offset);
  }
}

absl::StatusOr<core::BirthLook> DecodeBirthLook(const v1::LookAtBirths& in) {
  if (in.wishes_size() > kMostParts || in.blocks_size() > kMostParts) {
    return absl::InvalidArgumentError("a look at too many blocks at once");
  }
  core::BirthLook look;
  look.survey_type = in.survey_type();
  for (const auto& w : in.wishes()) {
    look.wishes.push_back({w.block_bytes(), w.list_head(), w.ahead()});
  }
  for (const auto& b : in.blocks()) {
    look.blocks.push_back({b.block(), b.block_bytes(), b.object_offset()});
  }
  return look;
}

void EncodeBirthFindings(const core::BirthFindings& found,
                         v1::BirthFindings& out) {
  if (found.survey) {
    auto& survey = *out.mutable_survey();
    survey.set_type_address(found.survey->type_address);
    survey.set_tp_name(found.survey->tp_name);
    survey.set_type_flags(found.survey->type_flags);
    for (const core::BlockClass& c : found.survey->classes) {
      auto& blocks = *survey.add_classes();
      blocks.set_block_bytes(c.block_bytes);
      blocks.set_object_offset(c.object_offset);
      blocks.set_objects(c.objects);
      blocks.set_list_head(c.list_head);
    }
  }
  for (const core::BirthSpot& s : found.spots) {
    auto& spot = *out.add_spots();
    spot.set_block(s.block);
    spot.set_ahead(s.ahead);
  }
  for (const core::BlockState& s : found.blocks) {
    auto& state = *out.add_blocks();
    state.set_in_pool(s.in_pool);
    state.set_handed_out(s.handed_out);
    state.set_referenced(s.referenced);
    state.set_type_address(s.type_address);
  }
}

absl::StatusOr<core::BirthFindings> DecodeBirthFindings(
    const v1::BirthFindings& in) {
  if (in.spots_size() > kMostParts || in.blocks_size() > kMostParts ||
      in.survey().classes_size() > kMostClasses) {
    return absl::InvalidArgumentError("answers about too many blocks");
  }
  core::BirthFindings found;
  if (in.has_survey()) {
    core::BirthSurvey& survey = found.survey.emplace();
    survey.type_address = in.survey().type_address();
    survey.tp_name = in.survey().tp_name();
    survey.type_flags = in.survey().type_flags();
    for (const auto& c : in.survey().classes()) {
      if (c.objects() < 0 || c.objects() > kMostCount / kMostClasses ||
          c.block_bytes() <= 0) {
        return absl::InvalidArgumentError(
            "a survey holds a count that makes no sense");
      }
      survey.classes.push_back(
          {c.block_bytes(), c.object_offset(), c.objects(), c.list_head()});
    }
  }
  for (const auto& s : in.spots()) {
    found.spots.push_back({s.block(), s.ahead()});
  }
  for (const auto& s : in.blocks()) {
    found.blocks.push_back(
        {s.in_pool(), s.handed_out(), s.referenced(), s.type_address()});
  }
  return found;
}

}  // namespace plimsoll::inspector

// Framing and codecs: what goes in comes out, and nonsense is an error.
#include <limits>
#include <string>

#include "agent/inspector/birth_codec.h"
#include "agent/inspector/census_codec.h"
#include "agent/inspector/framing.h"
#include "agent/inspector/malloc_codec.h"
#include "agent/inspector/python_codec.h"
#include "gtest/gtest.h"

namespace plimsoll::inspector {
namespace {

TEST(FramingTest, MessagesComeOutWholeHoweverTheyArrive) {
  const std::string stream =
      *Frame("first") + *Frame("") + *Frame(std::string(70000, 'x'));
  for (const size_t step :
       {size_t{1}, size_t{3}, size_t{4096}, stream.size()}) {
    FrameReader reader;
    std::vector<std::string> messages;
    for (size_t at = 0; at < stream.size(); at += step) {
      reader.Append(std::string_view(stream).substr(at, step));
      while (true) {
        auto message = reader.Next();
        ASSERT_TRUE(message.ok());
        if (!message->has_value()) break;
        messages.push_back(**message);
      }
    }
    ASSERT_EQ(messages.size(), 3u);
    EXPECT_EQ(messages[0], "first");
    EXPECT_EQ(messages[1], "");
    EXPECT_EQ(messages[2].size(), 70000u);
    EXPECT_FALSE(reader.midway());
  }
}

TEST(FramingTest, LengthsPastTheBoundAreRefused) {
  FrameReader reader;
  reader.Append("\xff\xff\xff\x7f");
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Frame(std::string(kMostMessageBytes + 1, 'x')).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// Each integer its own value, so that none can be taken for another.
void NumberOffsets(core::PythonProcess& p) {
  int32_t next = 100;
  core::ObjectLayout& o = p.objects;
  o.pool_bytes = next++, o.arena_bytes = next++, o.gc_head_bytes = next++;
  o.object_offsets = {0, 16, 32};
  for (int32_t* field : {&o.tp_name,
                         &o.tp_basicsize,
                         &o.tp_itemsize,
                         &o.tp_flags,
                         &o.tp_dict,
                         &o.ht_qualname,
                         &o.unicode_length,
                         &o.unicode_state,
                         &o.unicode_ascii_data,
                         &o.dict_ma_keys,
                         &o.dict_ma_values,
                         &o.dict_keys_size,
                         &o.dict_keys_index_bytes_log2,
                         &o.dict_keys_kind,
                         &o.dict_keys_nentries,
                         &o.dict_keys_indices,
                         &p.frames.tstate_thread_id,
                         &p.frames.tstate_frame,
                         &p.frames.cframe_current_frame,
                         &p.frames.frame_code,
                         &p.frames.frame_previous,
                         &p.frames.frame_instruction,
                         &p.frames.frame_owner,
                         &p.frames.owner_c_stack,
                         &p.frames.interpreter_next,
                         &p.frames.interpreter_gil,
                         &p.frames.gil_last_holder,
                         &p.frames.tstate_status,
                         &p.frames.thread_state_in_thread,
                         &p.frames.tstate_c_frame,
                         &p.code.filename,
                         &p.code.name,
                         &p.code.qualname,
                         &p.code.linetable,
                         &p.code.firstlineno,
                         &p.code.code_adaptive,
                         &p.gc.enabled,
                         &p.gc.generations,
                         &p.gc.generation_stride,
                         &p.gc.permanent_generation,
                         &p.gc.generation_stats,
                         &p.gc.generation_stats_rings,
                         &p.gc.tstate_interpreter}) {
    *field = next++;
  }
}

core::PythonProcess Python() {
  core::PythonProcess p;
  p.pid = 42;
  p.start_ticks = 77;
  p.build.version = {3, 11, 2};
  p.build.build_id = "abcd";
  p.build.object_path = "/usr/bin/\xff python";
  p.build.device = 5;
  p.build.inode = 6;
  p.build.shared_library = p.build.stripped = true;
  p.build.probe_refusal = "why";
  p.build.probes.push_back({.kind = core::ProbeKind::kGcDone,
                            .symbol = "gc__done",
                            .file_offset = 9,
                            .cost = core::ProbeCost::kEmulated,
                            .semaphore_offset = 10,
                            .argument_register = -1,
                            .argument_base_register = 3,
                            .argument_displacement = -8,
                            .argument_bytes = -4,
                            .no_items = true,
                            .entry_offset = 11});
  core::ObjectLayout& o = p.objects;
  NumberOffsets(p);
  o.dict_keys_log2 = true;
  p.frames.instruction_is_lasti = true;
  p.frames.shim_on_stack = true;
  p.frames.thread_state_address = 0xffff'8000'0000'0001;
  p.frames.interpreters_address = 17;
  p.frames.main_interpreter = 18;
  p.frames.code_tag_mask = ~uint64_t{3};
  p.code.line_table = core::CodeLayout::LineTable::kPep626;
  p.code.code_type_address = 12;
  p.gc.state_address = 13;
  p.gc.interpreter_address = 16;
  p.runtime_address = 14;
  p.type_type_address = 15;
  p.allocator = "other";
  p.native_allocator = "jemalloc";
  p.heap_refusal = "not pymalloc";
  p.gc.refusal = "not a ring";
  p.build.gc_probe_refusal = "stripped";
  p.build.new_pool_refusal = "inlined";
  p.open_path = "/proc/42/map_files/x";
  return p;
}

TEST(PythonCodecTest, EveryFieldSurvives) {
  const core::PythonProcess python = Python();
  v1::PythonProcess message;
  EncodePython(python, message);
  v1::PythonProcess parsed;
  ASSERT_TRUE(parsed.ParseFromString(message.SerializeAsString()));
  const auto back = DecodePython(parsed);
  ASSERT_TRUE(back.ok()) << back.status();
  // Equal in every field that is encoded: its encoding is the same.
  v1::PythonProcess again;
  EncodePython(*back, again);
  EXPECT_EQ(again.SerializeAsString(), message.SerializeAsString());
  EXPECT_EQ(back->objects.dict_keys_indices, python.objects.dict_keys_indices);
  EXPECT_EQ(back->gc.generation_stats_rings, python.gc.generation_stats_rings);
  EXPECT_EQ(back->gc.tstate_interpreter, python.gc.tstate_interpreter);
  EXPECT_EQ(back->gc.interpreter_address, 16u);
  EXPECT_EQ(back->gc.refusal, "not a ring");
  EXPECT_EQ(back->heap_refusal, "not pymalloc");
  EXPECT_EQ(back->native_allocator, "jemalloc");
  EXPECT_EQ(back->build.new_pool_refusal, "inlined");
  EXPECT_EQ(back->objects.object_offsets, python.objects.object_offsets);
  EXPECT_EQ(back->frames.owner_c_stack, python.frames.owner_c_stack);
  EXPECT_EQ(back->gc.generation_stats, python.gc.generation_stats);
  EXPECT_EQ(back->code.line_table, python.code.line_table);
  EXPECT_EQ(back->build.probes[0].argument_displacement, -8);
  EXPECT_TRUE(back->build.probes[0].no_items);
  EXPECT_EQ(back->build.object_path, python.build.object_path);
  EXPECT_TRUE(back->frames.instruction_is_lasti);
  EXPECT_TRUE(back->frames.shim_on_stack);
}

TEST(MallocCodecTest, EveryFieldSurvives) {
  core::MallocSites sites;
  sites.allocator = "glibc";
  sites.module = "libc.so.6";
  sites.open_path = "/proc/42/map_files/y";
  sites.malloc_address = 17;
  sites.chunk_heads = true;
  sites.sites = {
      {core::MallocFunction::kPosixMemalign, 18, core::ProbeCost::kEmulated},
      {core::MallocFunction::kFree, 19, core::ProbeCost::kSingleStepped}};
  v1::MallocSites message;
  EncodeMallocSites(sites, message);
  const auto back = DecodeMallocSites(message);
  ASSERT_TRUE(back.ok()) << back.status();
  v1::MallocSites again;
  EncodeMallocSites(*back, again);
  EXPECT_EQ(again.SerializeAsString(), message.SerializeAsString());
  EXPECT_EQ(back->open_path, sites.open_path);
  EXPECT_EQ(back->sites[0].function, core::MallocFunction::kPosixMemalign);
  EXPECT_EQ(back->sites[1].cost, core::ProbeCost::kSingleStepped);
  EXPECT_EQ(back->sites[1].file_offset, 19u);

  v1::CheckChunks claims;
  EncodeClaims({{32, 48}, {64, 80}}, claims);
  const auto decoded = DecodeClaims(claims);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ((*decoded)[1].address, 64u);
  EXPECT_EQ((*decoded)[1].chunk_bytes, 80u);
}

TEST(MallocCodecTest, NonsenseIsRefused) {
  v1::MallocSites none;
  EXPECT_FALSE(DecodeMallocSites(none).ok());
  v1::MallocSites wrong;
  wrong.add_sites()->set_function(7);
  EXPECT_FALSE(DecodeMallocSites(wrong).ok());
  wrong.mutable_sites(0)->set_function(1);
  EXPECT_TRUE(DecodeMallocSites(wrong).ok());
  wrong.mutable_sites(0)->set_cost(2);
  EXPECT_FALSE(DecodeMallocSites(wrong).ok());
  v1::CheckChunks claims;
  claims.add_addresses(16);
  EXPECT_FALSE(DecodeClaims(claims).ok());
}

TEST(PythonCodecTest, NonsenseIsRefused) {
  v1::PythonProcess message;
  EXPECT_FALSE(DecodePython(message).ok());  // no layouts
  const auto broken = [](auto change) {
    v1::PythonProcess m;
    EncodePython(Python(), m);
    change(m);
    return !DecodePython(m).ok();
  };
  EXPECT_TRUE(broken([](auto& m) { m.add_objects(1); }));
  EXPECT_TRUE(broken([](auto& m) { m.mutable_gc()->RemoveLast(); }));
  EXPECT_TRUE(broken([](auto& m) {
    for (int i = 0; i < 9; ++i) m.add_object_offsets(1);
  }));
  EXPECT_TRUE(broken(
      [](auto& m) { m.mutable_build()->mutable_probes(0)->set_kind(99); }));
  EXPECT_TRUE(broken([](auto& m) { m.set_code(m.code_size() - 1, 7); }));
}

TEST(CensusCodecTest, EveryFieldSurvives) {
  core::HeapCensus census;
  census.types = {{"a.B", 1, 2, 3, 0.5}, {"\xff", 4, 5, 6}};
  census.other_types = 7, census.other_objects = 8, census.other_bytes = 9;
  census.unknown_blocks = 10, census.unknown_bytes = 11;
  census.implausible_claims = 23, census.resident_bytes = 24;
  census.malloc = {25, 26, 27, 28, 29, 30, 31};
  census.size_classes = {{16, 1, 2, 3}};
  census.arenas = 12, census.arena_bytes = 13, census.pools_free = 14;
  census.read_faults = 15, census.scanned_bytes = 16, census.duration_ns = 17;
  census.coverage = {18, 19, true, 0.5, "all pools"};
  census.gc.generations = {{20, 21, 22}};
  census.gc.enabled = false;
  census.gc.thresholds = {700, 10, 9};
  census.gc.frozen_objects = 31;
  census.gc.long_lived = {.total = 32, .pending = 33};
  v1::HeapCensus message;
  EncodeCensus(census, message);
  const auto back = DecodeCensus(message);
  ASSERT_TRUE(back.ok()) << back.status();
  v1::HeapCensus again;
  EncodeCensus(*back, again);
  EXPECT_EQ(again.SerializeAsString(), message.SerializeAsString());
  EXPECT_EQ(back->types[1].type, "\xff");
  EXPECT_EQ(back->coverage.total, 19);
  EXPECT_EQ(back->implausible_claims, 23);
  EXPECT_EQ(back->resident_bytes, 24);
  EXPECT_EQ(back->malloc.live_chunks, 25);
  EXPECT_EQ(back->types[0].standard_error, 0.5);
  EXPECT_EQ(back->malloc.lost_bytes, 31);
  EXPECT_EQ(back->gc.enabled, false);
  EXPECT_EQ(back->gc.thresholds, census.gc.thresholds);
  EXPECT_EQ(back->gc.frozen_objects, 31);
  ASSERT_TRUE(back->gc.long_lived.has_value());
  EXPECT_EQ(back->gc.long_lived->total, 32);
  EXPECT_EQ(back->gc.long_lived->pending, 33);
}

TEST(CensusCodecTest, CountsThatMakeNoSenseAreRefused) {
  const auto broken = [](auto change) {
    v1::HeapCensus m;
    change(m);
    return !DecodeCensus(m).ok();
  };
  EXPECT_FALSE(broken([](auto&) {}));
  EXPECT_TRUE(broken([](auto& m) { m.set_arenas(-1); }));
  EXPECT_TRUE(broken([](auto& m) {
    m.set_unknown_bytes(std::numeric_limits<int64_t>::max());
  }));
  EXPECT_TRUE(broken([](auto& m) { m.add_types()->set_objects(-5); }));
  EXPECT_TRUE(broken([](auto& m) {
    m.set_coverage_standard_error(std::numeric_limits<double>::quiet_NaN());
  }));
}

TEST(StatusCodecTest, CodesThatDoNotExistAreDataLoss) {
  v1::Response response;
  EncodeStatus(absl::NotFoundError("gone"), response);
  EXPECT_EQ(DecodeStatus(response), absl::NotFoundError("gone"));
  response.set_status_code(99);
  EXPECT_EQ(DecodeStatus(response).code(), absl::StatusCode::kDataLoss);
}

TEST(BirthCodecTest, LooksAndFindingsComeOutAsTheyWentIn) {
  core::BirthLook look;
  look.survey_type = 0x7000;
  look.wishes = {{48, 0x500, 17}};
  look.blocks = {{0x9000, 64, 16}};
  v1::LookAtBirths asked;
  EncodeBirthLook(look, asked);
  const auto again = DecodeBirthLook(asked);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->survey_type, 0x7000u);
  EXPECT_EQ(again->wishes[0].list_head, 0x500u);
  EXPECT_EQ(again->wishes[0].ahead, 17);
  EXPECT_EQ(again->blocks[0].object_offset, 16u);
  core::BirthFindings found;
  core::BirthSurvey& survey = found.survey.emplace();
  survey.type_address = 0x7000;
  survey.tp_name = "C";
  survey.type_flags = 1 << 9;
  survey.classes = {{48, 16, 5, 0x500}};
  found.spots = {{0x9030, 3}};
  found.blocks = {{true, true, false, 0x7000}};
  v1::BirthFindings told;
  EncodeBirthFindings(found, told);
  const auto heard = DecodeBirthFindings(told);
  ASSERT_TRUE(heard.ok());
  EXPECT_EQ(heard->survey->classes, found.survey->classes);
  EXPECT_EQ(heard->survey->tp_name, "C");
  EXPECT_EQ(heard->spots[0].block, 0x9030u);
  EXPECT_TRUE(heard->blocks[0].handed_out);
  EXPECT_FALSE(heard->blocks[0].referenced);
}

TEST(BirthCodecTest, ChunksOfMallocComeOutAsTheyWentIn) {
  using Kind = core::ChunkSource::Kind;
  core::BirthLook look;
  look.survey_chunks = true;
  look.wishes = {{64, 0, 5, 64, 64, {Kind::kTop, 0x7f00}}};
  look.blocks = {{0x9000, 64, 16, 64, 0x7f00, 0x5eed}};
  v1::LookAtBirths asked;
  EncodeBirthLook(look, asked);
  const auto again = DecodeBirthLook(asked);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->survey_chunks);
  EXPECT_EQ(again->wishes[0].source, look.wishes[0].source);
  EXPECT_EQ(again->wishes[0].most_bytes, 64);
  EXPECT_EQ(again->blocks[0].arena, 0x7f00u);
  EXPECT_EQ(again->blocks[0].cache_mark, 0x5eedu);
  core::BirthFindings found;
  core::BirthSurvey& survey = found.chunk_survey.emplace();
  survey.classes = {{2048, 0, 7, 0, 4080, 3024}};
  survey.sources = {{Kind::kCache, 0x10}, {Kind::kBins, 0x7f00}};
  survey.malloc_begin = 0x1000;
  survey.malloc_end = 0x2000;
  found.spots = {{0x9030, 3, 64, 0x5eed, 65, 81}};
  v1::BirthFindings told;
  EncodeBirthFindings(found, told);
  const auto heard = DecodeBirthFindings(told);
  ASSERT_TRUE(heard.ok()) << heard.status();
  EXPECT_FALSE(heard->survey);
  EXPECT_EQ(heard->chunk_survey->classes, survey.classes);
  EXPECT_EQ(heard->chunk_survey->sources, survey.sources);
  EXPECT_EQ(heard->chunk_survey->malloc_end, 0x2000u);
  EXPECT_EQ(heard->spots[0].cache_mark, 0x5eedu);
  EXPECT_EQ(heard->spots[0].next_head, 81u);
  told.mutable_chunk_survey()->set_source_kinds(0, 9);
  EXPECT_FALSE(DecodeBirthFindings(told).ok());
  asked.mutable_wishes(0)->set_source_kind(-1);
  EXPECT_FALSE(DecodeBirthLook(asked).ok());
}

TEST(BirthCodecTest, CountsThatMakeNoSenseAreRefused) {
  v1::BirthFindings told;
  told.mutable_survey()->add_classes()->set_objects(-1);
  EXPECT_FALSE(DecodeBirthFindings(told).ok());
  v1::LookAtBirths asked;
  for (int i = 0; i < 20000; ++i) asked.add_wishes();
  EXPECT_FALSE(DecodeBirthLook(asked).ok());
}

}  // namespace
}  // namespace plimsoll::inspector

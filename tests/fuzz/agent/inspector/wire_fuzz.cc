// What a child that was taken over might send, and a parent might ask: frames
// in pieces, then both messages.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/inspector/birth_codec.h"
#include "agent/inspector/census_codec.h"
#include "agent/inspector/framing.h"
#include "agent/inspector/malloc_codec.h"
#include "agent/inspector/native_codec.h"
#include "agent/inspector/python_codec.h"

namespace {

using namespace plimsoll::inspector;  // NOLINT: a fuzzer's own file

void Decode(const std::string& message) {
  v1::Response response;
  if (response.ParseFromString(message)) {
    (void)DecodeStatus(response);
    (void)DecodeFrames(response.frames());
    (void)DecodeNativeStacks(response.native_stacks());
    (void)DecodePages(response.pages());
    if (const auto sites = DecodeMallocSites(response.malloc_sites());
        sites.ok()) {
      v1::MallocSites again;
      EncodeMallocSites(*sites, again);
      if (!DecodeMallocSites(again).ok()) std::abort();
    }
    if (const auto census = DecodeCensus(response.census()); census.ok()) {
      v1::HeapCensus again;
      EncodeCensus(*census, again);
    }
    if (const auto found = DecodeBirthFindings(response.birth_findings());
        found.ok()) {
      v1::BirthFindings again;
      EncodeBirthFindings(*found, again);
    }
    if (const auto python = DecodePython(response.python()); python.ok()) {
      v1::PythonProcess again;
      EncodePython(*python, again);
      if (!DecodePython(again).ok()) std::abort();
    }
  }
  v1::Request request;
  if (request.ParseFromString(message)) {
    (void)DecodePython(request.take_census().python());
    (void)DecodeSnapshots(request.unwind_stacks());
    (void)DecodeBirthLook(request.look_at_births());
    (void)DecodeClaims(request.check_chunks());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Decode(std::string(bytes));
  FrameReader reader;
  const size_t step = size > 0 ? 1 + data[0] % 16 : 1;
  for (size_t at = 0; at < size; at += step) {
    reader.Append(bytes.substr(at, step));
    while (true) {
      auto message = reader.Next();
      if (!message.ok()) return 0;
      if (!message->has_value()) break;
      Decode(**message);
    }
  }
  return 0;
}

// The stack of a running interpreter, walked and named from outside, beside
// what the interpreter says of its own frames.
#include "agent/python/code_symbolizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "agent/python/identify_process.h"
#include "agent/python/remote_values.h"
#include "tests/support/eventually.h"
#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"

namespace plimsoll::python {
namespace {

using ::plimsoll::testing::Eventually;
using ::plimsoll::testing::LiveMemory;
using ::plimsoll::testing::PythonTarget;
using ::plimsoll::testing::SupportedPythonsAndUwsgi;
using ::plimsoll::testing::TestName;

// A generator, a comprehension, decorators of our own and of the library, a
// method of a nested class, a name that is not ASCII, a call over many lines.
// Prints "LINE|FUNCTION|FILE" per frame, innermost first, then loops in spin().
constexpr char kStack[] = R"(
import contextlib, sys

def twice(f):
    def wrapper(*a):
        if a:
            return f(
                *a)
        return f()
    return wrapper

@contextlib.contextmanager
def guard():
    yield

def spin(start):
    frame = sys._getframe()
    lines = []
    while frame is not None:
        code = frame.f_code
        name = getattr(code, 'co_qualname', code.co_name)
        lines.append((frame.f_lineno, name, code.co_filename))
        frame = frame.f_back
    lines[0] = (lines[0][0] + 6,) + lines[0][1:]
    for l in lines:
        sys.stdout.buffer.write(('%d|%s|%s\n' % l).encode())
    sys.stdout.buffer.write(b'ready\n'); sys.stdout.flush()
    while True: pass

class Depot:
    class Bay:
        @guard()
        def load(self):
            return [
                spin(x)
                for x in [1]
            ]

async def dock(bay):
    return (
        bay.load()
    )

class Pier:
    async def land(self, bay):
        async with Lock():
            return await dock(
                bay)

class Lock:
    async def __aenter__(self): pass
    async def __aexit__(self, *a): pass

def größe(bay):
    yield 0
    yield (
        Pier().land(bay).send(None)
    )

@twice
@twice
def run(
        bay):
    total = sum(größe(bay),
                0)
    return total

run(Depot.Bay())
)";

std::vector<core::RawFrame> WalkStack(const LiveMemory& memory,
                                      const core::FrameLayout& f) {
  std::vector<core::RawFrame> frames;
  const auto thread = ReadWord(memory, f.thread_state_address);
  if (thread.value_or(0) == 0) return frames;
  auto frame = ReadWord(memory, *thread + f.tstate_frame);
  if (frame && f.cframe_current_frame != core::kAbsent) {
    frame = ReadWord(memory, *frame + f.cframe_current_frame);
  }
  while (frame.value_or(0) != 0 && frames.size() < 100) {
    const auto owner = f.frame_owner == core::kAbsent
                           ? std::optional<int8_t>(-1)
                           : ReadValue<int8_t>(memory, *frame + f.frame_owner);
    if (owner != static_cast<int8_t>(f.owner_c_stack) ||
        f.frame_owner == core::kAbsent) {
      const uint64_t instruction =
          f.instruction_is_lasti
              ? ReadValue<uint32_t>(memory, *frame + f.frame_instruction)
                    .value_or(0)
              : ReadWord(memory, *frame + f.frame_instruction).value_or(0);
      frames.push_back(
          {.code_address = ReadWord(memory, *frame + f.frame_code).value_or(0) &
                           f.code_tag_mask,
           .instruction = instruction});
    }
    frame = ReadWord(memory, *frame + f.frame_previous);
  }
  return frames;
}

std::string Line(const core::Frame& frame) {
  return std::to_string(frame.line) + "|" + frame.function + "|" + frame.file;
}

class CodeSymbolizerTest : public ::testing::TestWithParam<std::string> {};

TEST_P(CodeSymbolizerTest, StackIsWhatTheInterpreterSays) {
  PythonTarget target(GetParam(), kStack, {{"PYTHONIOENCODING", "utf-8"}});
  std::vector<std::string> truth;
  for (std::string line = target.ReadLine(); line != "ready" && !line.empty();
       line = target.ReadLine()) {
    truth.push_back(line);
  }
  ASSERT_GT(truth.size(), 7u);
  const LiveMemory memory(target.pid());
  BuildCache cache;
  const auto python = IdentifyProcess(target.pid(), "/proc", memory, cache);
  ASSERT_TRUE(python.ok()) << python.status();

  CodeSymbolizer symbolizer(*python);
  std::vector<core::Frame> frames;
  std::vector<std::string> seen;
  // It may still be in the write; 3.12's innermost instruction may be read
  // between two steps of the loop.
  Eventually([&] {
    seen.clear();
    frames = symbolizer.Symbolize(WalkStack(memory, python->frames), memory);
    for (const core::Frame& frame : frames) seen.push_back(Line(frame));
    return seen == truth;
  });
  EXPECT_EQ(seen, truth);
  for (const core::Frame& frame : frames) {
    EXPECT_EQ(frame.module,
              frame.file.find("contextlib.py") == std::string::npos
                  ? ""
                  : "contextlib");
  }
  EXPECT_GT(symbolizer.cached_bytes(), 0u);
}

TEST_P(CodeSymbolizerTest, AddressesThatAreNoCodeAreUnknown) {
  PythonTarget target(GetParam(),
                      "import sys\nprint(id([])); print('ready')\n"
                      "sys.stdout.flush()\nsys.stdin.readline()");
  const uint64_t list = std::stoull(target.ReadLine());
  ASSERT_EQ(target.ReadLine(), "ready");
  const LiveMemory memory(target.pid());
  BuildCache cache;
  const auto python = IdentifyProcess(target.pid(), "/proc", memory, cache);
  ASSERT_TRUE(python.ok()) << python.status() << " " << target.Ended();
  CodeSymbolizer symbolizer(*python);
  for (const uint64_t address :
       {uint64_t{0}, uint64_t{1}, list, python->runtime_address,
        python->type_type_address, ~uint64_t{0}, ~uint64_t{0} - 100}) {
    const core::Frame frame =
        symbolizer.Symbolize({address, address + 200}, memory);
    EXPECT_EQ(frame.function, kUnknownFunction);
    EXPECT_EQ(frame.file, "");
    EXPECT_EQ(frame.line, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Pythons, CodeSymbolizerTest,
                         ::testing::ValuesIn(SupportedPythonsAndUwsgi()),
                         TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CodeSymbolizerTest);

}  // namespace
}  // namespace plimsoll::python

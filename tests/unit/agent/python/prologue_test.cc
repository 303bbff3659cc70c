#include "agent/python/prologue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

namespace plimsoll::python {
namespace {

using core::ProbeCost;
using Bytes = std::vector<uint8_t>;

void ExpectSite(const Bytes& code, int arguments, size_t offset,
                ProbeCost cost) {
  const ProbeSite site = ChooseProbeSite(code, arguments);
  EXPECT_EQ(site.offset, offset);
  EXPECT_EQ(site.cost, cost);
}

TEST(IsEmulated, AsTheKernelDoes) {
  for (const Bytes& code :
       std::initializer_list<Bytes>{{0x53},                       // push rbx
                                    {0x41, 0x54},                 // push r12
                                    {0x90},                       // nop
                                    {0xeb, 0x00},                 // jmp rel8
                                    {0xe9, 0, 0, 0, 0},           // jmp rel32
                                    {0xe8, 0, 0, 0, 0},           // call rel32
                                    {0x74, 0x00},                 // je rel8
                                    {0x0f, 0x88, 0, 0, 0, 0}}) {  // js rel32
    EXPECT_TRUE(IsEmulatedByKernel(code)) << std::hex << int{code[0]};
  }
  for (const Bytes& code : std::initializer_list<Bytes>{
           {0x48, 0x89, 0xfe},              // mov rsi, rdi
           {0xf3, 0x0f, 0x1e, 0xfa},        // endbr64
           {0x0f, 0x1f, 0x44, 0x00, 0x00},  // 5-byte nop: new kernels
           {0x66, 0x90},                    // 2-byte nop
           {0xc3},                          // ret
           {0xff, 0x25, 0, 0, 0, 0},        // jmp [rip]
           {0xff, 0xd0},                    // call rax
           {0x48, 0x53},                    // push with an idle REX.W
           {0x6a, 0x01},                    // push imm8
           {0x48, 0x83, 0xec, 0x08},        // sub rsp, 8
           {}}) {
    EXPECT_FALSE(IsEmulatedByKernel(code));
  }
}

TEST(ChooseProbeSite, EntryWhenItIsEmulated) {
  ExpectSite({0x53, 0xc3}, 1, 0, ProbeCost::kEmulated);
}

TEST(ChooseProbeSite, LandingPadIsPassedOver) {
  // endbr64; push rbp
  ExpectSite({0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0xc3}, 2, 4, ProbeCost::kEmulated);
}

TEST(ChooseProbeSite, ConditionalJumpAfterATest) {
  // 3.13's PyObject_Malloc: mov rsi,rdi; test rdi,rdi; js
  const Bytes code = {0x48, 0x89, 0xfe, 0x48, 0x85,
                      0xff, 0x78, 0x01, 0xc3, 0xc3};
  ExpectSite(code, 1, 6, ProbeCost::kEmulated);
  // rsi is an argument of PyObject_Realloc: overwritten before.
  ExpectSite(code, 2, 0, ProbeCost::kSingleStepped);
}

TEST(ChooseProbeSite, NarrowWriteToAnArgumentCounts) {
  // mov edi, 1; push rbx
  ExpectSite({0xbf, 1, 0, 0, 0, 0x53, 0xc3}, 1, 0, ProbeCost::kSingleStepped);
  // xchg rdi, rax; push rbx
  ExpectSite({0x48, 0x97, 0x53, 0xc3}, 1, 0, ProbeCost::kSingleStepped);
}

TEST(ChooseProbeSite, NothingBehindAnIndirectBranch) {
  // 3.13's PyObject_Free: mov rsi,rdi; mov rdi,[rip]; jmp [rip]
  ExpectSite({0x48, 0x89, 0xfe, 0x48, 0x8b, 0x3d, 0, 0, 0, 0, 0xff, 0x25, 0, 0,
              0, 0, 0x90},
             1, 0, ProbeCost::kSingleStepped);
  // ret; push: the push is not passed
  ExpectSite({0xc3, 0x53}, 1, 0, ProbeCost::kSingleStepped);
}

TEST(ChooseProbeSite, JumpBackIntoThePrologueSpoilsIt) {
  // test rdi,rdi; push rbx; dec rax; jne back to the push: a loop
  const Bytes loop = {0x48, 0x85, 0xff, 0x53, 0x48,
                      0xff, 0xc8, 0x75, 0xfa, 0xc3};
  ExpectSite(loop, 1, 0, ProbeCost::kSingleStepped);
  // The same back to the entry is a call again: fine.
  Bytes again = loop;
  again[8] = 0xf7;
  ExpectSite(again, 1, 3, ProbeCost::kEmulated);
}

TEST(ChooseProbeSite, RandomBytesGiveASiteInside) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    Bytes code(random() % 80);
    for (uint8_t& b : code) b = static_cast<uint8_t>(random());
    const ProbeSite site = ChooseProbeSite(code, 2);
    if (site.cost == ProbeCost::kEmulated) {
      ASSERT_LT(site.offset, code.size());
      EXPECT_TRUE(IsEmulatedByKernel(std::span(code).subspan(site.offset)));
    } else {
      EXPECT_EQ(site.offset, 0u);
    }
  }
}

}  // namespace
}  // namespace plimsoll::python

// Libraries assembled in the ways in which compilers take PyType_GenericAlloc
// apart, stripped.
#include "agent/python/instance_allocators.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/native_library.h"

namespace plimsoll::python {
namespace {

using ::plimsoll::testing::NativeLibrary;

std::string Function(const std::string& name, const std::string& body) {
  return ".type " + name + ", @function\n" + name + ":\n.cfi_startproc\n" +
         body + ".cfi_endproc\n.size " + name + ", . - " + name + "\n";
}

// With a count of items, as gcc 14 compiles it.
constexpr char kAllocates[] = R"(
  push %rbx
  lea 1(%rsi), %rax
  mov %rdi, %rbx
  imul 0x28(%rdi), %rax
  mov 0xa8(%rdi), %rdi
  add 0x20(%rbx), %rax
  pop %rbx
  ret
)";
// Without: gcc 16 loads both sizes at once.
constexpr char kAllocatesOne[] = R"(
  push %rbx
  mov %rdi, %rbx
  xor %esi, %esi
  movdqu 0x20(%rdi), %xmm0
  testb $0x40, 0xa9(%rbx)
  pop %rbx
  ret
)";
constexpr char kOtherShape[] = R"(
  push %rbx
  mov 0x20(%rdi), %rax
  mov 0x28(%rdi), %rax
  pop %rbx
  ret
)";

// Passes its arguments on, then links the object into the collector's list.
std::string Tracks(const std::string& inner) {
  return "push %rbx\nmov %rdi, %rbx\ncall " + inner +
         "\ntestb $0x40, 0xa9(%rbx)\npop %rbx\nret\n";
}

// Where a class is called: its tp_alloc is known after the comparison.
std::string Compares(const std::string& callee) {
  return "lea PyType_GenericAlloc(%rip), %rcx\npush %rbx\n"
         "cmp %rcx, 0x130(%rdi)\njne 1f\ncall " +
         callee + "\npop %rbx\nret\n1: call *0x130(%rdi)\npop %rbx\nret\n";
}

// The first function is PyType_GenericAlloc; others are called f1, f2, ...
class InstanceAllocatorsTest : public ::testing::Test {
 protected:
  void Add(const std::string& body) {
    code_ += Function(
        count_ == 0 ? "PyType_GenericAlloc" : absl::StrCat("f", count_), body);
    ++count_;
  }
  // Assembles what was added, and looks into it stripped.
  void Find() {
    // Protected: not replaced by another library's, as Python is linked.
    const std::string all =
        ".text\n.globl PyType_GenericAlloc\n.protected PyType_GenericAlloc\n" +
        code_;
    std::string source = "__asm__(";
    for (const absl::string_view line : absl::StrSplit(all, '\n')) {
      absl::StrAppend(&source, "\"", line, "\\n\"\n");
    }
    const NativeLibrary library("libfound.so", source + ");\n", {"-s"});
    UniqueFd fd(::open(library.path().c_str(), O_RDONLY | O_CLOEXEC));
    const auto elf = ElfFile::Parse(std::make_shared<FileByteSource>(
        std::move(fd), std::filesystem::file_size(library.path())));
    ASSERT_TRUE(elf.ok()) << elf.status();
    const CodeIndex code(*elf);
    const InstanceAllocators result = FindInstanceAllocators(*elf, code);
    exported_allocates_ = result.exported_allocates;
    const std::array<std::string_view, 1> name = {"PyType_GenericAlloc"};
    const auto exports = elf->FindExports(name);
    ASSERT_FALSE(exports.empty());
    const auto& all_functions = code.functions().all();
    const auto first = code.functions().Find(exports.begin()->second.address);
    ASSERT_TRUE(first);
    for (const InstanceAllocator& a : result.found) {
      const auto number =
          std::find(all_functions.begin(), all_functions.end(), a.bounds) -
          std::find(all_functions.begin(), all_functions.end(), *first);
      found_[static_cast<int>(number)] = a.takes_items;
    }
  }

  std::string code_;
  int count_ = 0;
  std::map<int, bool> found_;  // number of the function -> takes_items
  bool exported_allocates_ = false;
};

using Found = std::map<int, bool>;

// As Debian's 3.11: classes are called through the exported one.
TEST_F(InstanceAllocatorsTest, NoneWhereTheExportedOneIsCalled) {
  Add(kAllocates);
  Add(Compares("PyType_GenericAlloc"));
  Add(Compares("PyType_GenericAlloc"));
  Find();
  EXPECT_EQ(found_, Found{});
  EXPECT_TRUE(exported_allocates_);
}

// As Debian 13's 3.13.
TEST_F(InstanceAllocatorsTest, CopiesOfTheExportedOneCallWhatItCalls) {
  Add(Tracks("f1"));
  Add(kAllocates);
  Add(Compares("f1"));
  Find();
  EXPECT_EQ(found_, (Found{{1, true}}));
  EXPECT_FALSE(exported_allocates_);
}

// As 3.14 and 3.15 by gcc 16: the exported one has a count of items, and
// clones without serve those who call classes.
TEST_F(InstanceAllocatorsTest, ClonesWithoutACountOfItems) {
  Add(kAllocates);
  Add(kAllocatesOne);
  Add(Tracks("f1"));
  Add(Compares("f2"));
  Add(Compares("f1"));
  Add(Compares("f2"));
  Find();
  EXPECT_EQ(found_, (Found{{1, false}}));
  EXPECT_TRUE(exported_allocates_);
}

TEST_F(InstanceAllocatorsTest, WhatReadsNoSizesOrIsCalledOnceIsNone) {
  Add(kAllocates);
  Add(kOtherShape);
  Add(kAllocatesOne);
  Add(Compares("f1"));
  Add(Compares("f1"));
  Add(Compares("f2"));
  Find();
  EXPECT_EQ(found_, Found{});
  EXPECT_TRUE(exported_allocates_);
}

}  // namespace
}  // namespace plimsoll::python

// An ElfBuilder with what identifies a CPython 3.MINOR: exports, version text,
// probes. Enough for AnalyzeInterpreter, nothing to run.
#ifndef PLIMSOLL_TESTS_SUPPORT_INTERPRETER_ELF_H_
#define PLIMSOLL_TESTS_SUPPORT_INTERPRETER_ELF_H_

#include <string>
#include <string_view>
#include <utility>

#include "tests/support/elf_builder.h"

namespace plimsoll::testing {

inline ElfBuilder InterpreterElf(int minor, std::string_view version_text) {
  ElfBuilder elf;
  // push rbx; ret at +0; mov rsi,rdi; test rdi,rdi; js at +16
  elf.Code(std::string("\x53\xc3", 2) + std::string(14, '\x90') +
           std::string("\x48\x89\xfe\x48\x85\xff\x78\x01\xc3\xc3", 10));
  elf.ReadOnly(std::string(1, '\0') + std::string(version_text) +
               std::string(1, '\0'));
  static constexpr std::pair<int, std::string_view> kMarkers[] = {
      {7, "PyOS_AfterFork_Child"}, {8, "Py_RunMain"},
      {9, "PyFrame_GetBack"},      {10, "Py_NewRef"},
      {11, "PyFrame_GetLasti"},    {12, "PyUnstable_Code_New"},
      {13, "PyDict_GetItemRef"},   {14, "PyLong_IsPositive"}};
  for (const auto& [since, name] : kMarkers) {
    if (minor >= since) elf.Export(name, ElfBuilder::kCode, true, 2);
  }
  for (const std::string_view name :
       {"PyType_Type", "PyCode_Type", "PyUnicode_Type", "PyDict_Type"}) {
    elf.Export(name, ElfBuilder::kData, false, 400);
  }
  if (minor >= 7) elf.Export("_PyRuntime", ElfBuilder::kData, false, 600);
  elf.Export("PyObject_GetIter", ElfBuilder::kCode, true, 2);
  elf.Export("PyObject_Free", ElfBuilder::kCode, true, 2);
  elf.Export("PyObject_Malloc", ElfBuilder::kCode + 16, true, 10);
  return elf;
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_INTERPRETER_ELF_H_

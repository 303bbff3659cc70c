#include "agent/python/elf_file.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <random>
#include <string>

#include "agent/python/elf_note.h"
#include "tests/support/elf_builder.h"

namespace plimsoll::python {
namespace {

using ::plimsoll::testing::ElfBuilder;

absl::StatusOr<ElfFile> Parse(std::string bytes) {
  return ElfFile::Parse(std::make_shared<BufferByteSource>(std::move(bytes)));
}

ElfBuilder Sample() {
  return ElfBuilder()
      .Code("\x55\x90\xc3")
      .Export("exported_function", ElfBuilder::kCode, true)
      .Export("exported_data", ElfBuilder::kData + 8, false)
      .Local("local_function.constprop.0", ElfBuilder::kCode + 1, true)
      .Local("exported_function", ElfBuilder::kCode + 2, true)
      .BuildId("\x01\xab\xff")
      .Usdt("python", "gc__start", "-4@112(%rsp)", ElfBuilder::kCode + 1,
            ElfBuilder::kData + 16);
}

// Everything that a caller may ask of a file, whatever it holds.
void UseAll(const ElfFile& elf) {
  static constexpr std::array<std::string_view, 2> kNames = {
      "exported_function", "nothing"};
  (void)elf.FindSymbols(kNames);
  (void)elf.MatchSymtab([](std::string_view) { return true; });
  (void)ReadUsdtProbes(elf);
  (void)elf.ReadAddress(ElfBuilder::kCode, 64);
  (void)elf.FileOffset(~uint64_t{0});
  core::Mapping mapping;
  mapping.start = 0x7f0000001000;
  mapping.file_offset = 0x1000;
  (void)LoadBiasOf(elf.segments(), elf.fixed_address(), mapping);
}

TEST(ElfFile, ReadsSymbolsIdAndProbes) {
  const auto elf = Parse(Sample().Build());
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_EQ(elf->build_id(), "01abff");
  EXPECT_TRUE(elf->has_symtab());
  static constexpr std::array<std::string_view, 3> kNames = {
      "exported_function", "exported_data", "nothing"};
  const SymbolMap symbols = elf->FindSymbols(kNames);
  ASSERT_EQ(symbols.size(), 2u);
  // .dynsym goes before .symtab.
  EXPECT_EQ(symbols.find("exported_function")->second.address,
            ElfBuilder::kCode);
  EXPECT_FALSE(symbols.find("exported_data")->second.is_function);
  const auto local = elf->MatchSymtab([](std::string_view name) {
    return name.substr(0, 15) == "local_function.";
  });
  ASSERT_EQ(local.size(), 1u);
  EXPECT_EQ(local[0].name, "local_function.constprop.0");
  EXPECT_EQ(elf->ReadAddress(ElfBuilder::kCode, 3), "\x55\x90\xc3");
  const auto probes = ReadUsdtProbes(*elf);
  ASSERT_EQ(probes.size(), 1u);
  EXPECT_EQ(probes[0].name, "gc__start");
  EXPECT_EQ(elf->FileOffset(probes[0].semaphore_address), 0x2010u);
}

TEST(ElfFile, WithoutSymtabItIsStripped) {
  const auto elf =
      Parse(ElfBuilder().Export("f", ElfBuilder::kCode, true).Build());
  ASSERT_TRUE(elf.ok());
  EXPECT_FALSE(elf->has_symtab());
  EXPECT_EQ(elf->build_id(), "");
}

TEST(ElfFile, LoadBiasComesFromTheMapping) {
  const auto elf = Parse(Sample().Build());
  ASSERT_TRUE(elf.ok());
  core::Mapping data;
  data.start = 0x7f0000003000;
  data.file_offset = 0x2000;
  const auto bias = LoadBiasOf(elf->segments(), elf->fixed_address(), data);
  ASSERT_TRUE(bias.ok()) << bias.status();
  EXPECT_EQ(*bias, 0x7f0000000000u);
  data.file_offset = 0x10000;
  EXPECT_FALSE(LoadBiasOf(elf->segments(), false, data).ok());
}

TEST(ElfFile, FixedAddressProgramMustBeWhereItWasLinked) {
  const auto elf = Parse(Sample().FixedAddress().Build());
  ASSERT_TRUE(elf.ok());
  core::Mapping code;
  code.start = ElfBuilder::kCode;
  code.file_offset = ElfBuilder::kCode;
  code.executable = true;
  EXPECT_EQ(*LoadBiasOf(elf->segments(), elf->fixed_address(), code), 0u);
  code.start += 0x1000;
  EXPECT_FALSE(LoadBiasOf(elf->segments(), elf->fixed_address(), code).ok());
}

TEST(ElfFile, RefusesWhatIsNoElf) {
  EXPECT_FALSE(Parse("").ok());
  EXPECT_FALSE(Parse("\x7f"
                     "ELF")
                   .ok());
  EXPECT_FALSE(Parse(std::string(4096, 'x')).ok());
  std::string other_machine = Sample().Build();
  other_machine[18] = 0x28;  // EM_ARM
  EXPECT_FALSE(Parse(other_machine).ok());
}

TEST(ElfFile, AnyTruncationIsAnErrorOrAFileWithLess) {
  const std::string whole = Sample().Build();
  for (size_t n = 0; n < whole.size(); n += n < 512 ? 1 : 37) {
    const auto elf = Parse(whole.substr(0, n));
    if (n < 64 + 3 * 56) {
      EXPECT_FALSE(elf.ok()) << n;
    }
    if (elf.ok()) UseAll(*elf);
  }
}

TEST(ElfFile, DamagedBytesDoNoHarm) {
  const std::string whole = Sample().Build();
  std::mt19937 random(42);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = whole;
    // The header, the segments or the section table, where it hurts.
    const size_t begin = random() % 2 == 0 ? 0 : 0x3000;
    const size_t end = begin == 0 ? 0x100 : whole.size();
    for (int n = 0; n < 4; ++n) {
      damaged[begin + random() % (end - begin)] = static_cast<char>(random());
    }
    const auto elf = Parse(damaged);
    if (elf.ok()) UseAll(*elf);
  }
}

}  // namespace
}  // namespace plimsoll::python

#include "agent/native/module_map.h"

#include <gtest/gtest.h>

namespace plimsoll::native {
namespace {

core::Mapping File(uint64_t start, uint64_t end, uint64_t offset,
                   std::string_view rights, uint64_t inode, std::string path) {
  core::Mapping m;
  m.start = start;
  m.end = end;
  m.file_offset = offset;
  m.device = 1;
  m.inode = inode;
  m.readable = true;
  m.writable = rights.find('w') != rights.npos;
  m.executable = rights.find('x') != rights.npos;
  m.path = std::move(path);
  return m;
}

TEST(ModuleMapTest, TheLoadAddressIsWhereTheFilesStartIsMapped) {
  const ModuleMap map(
      {File(0x10000, 0x11000, 0, "r", 7, "/lib/liba.so"),
       File(0x11000, 0x13000, 0x1000, "rx", 7, "/lib/liba.so"),
       File(0x13000, 0x14000, 0x3000, "r", 7, "/lib/liba.so"),
       File(0x20000, 0x21000, 0, "rx", 8, "/b (deleted)"),
       // The same file once more, elsewhere.
       File(0x30000, 0x31000, 0, "r", 7, "/lib/liba.so"),
       File(0x31000, 0x33000, 0x1000, "rx", 7, "/lib/liba.so")});
  ASSERT_EQ(map.modules().size(), 3u);
  EXPECT_EQ(map.modules()[0].base, 0x10000u);
  EXPECT_EQ(map.modules()[0].name, "liba.so");
  EXPECT_EQ(map.modules()[1].base, 0x20000u);
  EXPECT_EQ(map.modules()[1].name, "b");
  EXPECT_EQ(map.modules()[2].base, 0x30000u);
  EXPECT_FALSE(map.Find(0x10fff).has_value()) << "not executable";
  EXPECT_EQ(map.Find(0x11000), 0u);
  EXPECT_EQ(map.Find(0x12fff), 0u);
  EXPECT_FALSE(map.Find(0x13000).has_value());
  EXPECT_EQ(map.Find(0x32000), 2u);
  EXPECT_FALSE(map.Find(0).has_value());
  EXPECT_FALSE(map.Find(~uint64_t{0}).has_value());
}

TEST(ModuleMapTest, AnonymousExecutableMemoryIsNoModule) {
  core::Mapping jit;
  jit.start = 0x1000;
  jit.end = 0x2000;
  jit.executable = true;
  EXPECT_FALSE(ModuleMap({jit}).Find(0x1800).has_value());
  // An offset past the address, as only a made-up list has.
  EXPECT_EQ(ModuleMap({File(0x1000, 0x2000, ~uint64_t{0}, "rx", 3, "x")})
                .modules()[0]
                .base,
            0u);
}

}  // namespace
}  // namespace plimsoll::native

// InterpreterBinary: what one file says about the CPython inside it, and the
// cache of such answers. All addresses are as linked: add the load bias.
//
// Errors: kNotFound no CPython in this file; kUnimplemented one that we do not
// read, with the reason in words (PyPy, Python 2, free-threaded, too old, too
// new, a debug build).
//
// InterpreterBinary is immutable. BuildCache: one thread at a time.
#ifndef PLIMSOLL_AGENT_PYTHON_INTERPRETER_BINARY_H_
#define PLIMSOLL_AGENT_PYTHON_INTERPRETER_BINARY_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agent/core/python_layout.h"
#include "agent/python/elf_file.h"
#include "agent/python/process_files.h"

namespace plimsoll::python {

struct InterpreterBinary {
  core::PythonBuild build;  // without device and inode as mapped
  std::vector<ElfSegment> segments;
  bool fixed_address = false;
  uint64_t runtime = 0;    // _PyRuntime
  uint64_t type_type = 0;  // PyType_Type
  uint64_t code_type = 0;
  uint64_t unicode_type = 0;
  uint64_t dict_type = 0;
  // The allocator tables {ctx, malloc, calloc, realloc, free} of the object and
  // the raw domain, by symbol or from the code of PyObject_Malloc and
  // PyMem_RawMalloc; 0: not found.
  uint64_t object_allocator = 0;
  uint64_t raw_allocator = 0;
  // What the object domain's table starts with: pymalloc's malloc; 0: not
  // known.
  uint64_t object_malloc = 0;
  // The file's first bytes: what the process must have mapped.
  std::string head;
};

// `path` is the path as the target sees it; it serves as evidence and label.
absl::StatusOr<InterpreterBinary> AnalyzeInterpreter(const OpenedFile& file,
                                                     std::string_view path);

// Answers by file identity, good and bad ones alike (most files of a node are
// not interpreters). Not by build-id: that is what a file says of itself, and
// one container's file must not answer for another's. Holds at most `capacity`
// answers, the oldest go first.
class BuildCache {
 public:
  using Answer = absl::StatusOr<std::shared_ptr<const InterpreterBinary>>;
  explicit BuildCache(size_t capacity = 4096) : capacity_(capacity) {}

  // The cached answer, or that of AnalyzeInterpreter.
  Answer Get(const OpenedFile& file, std::string_view path);
  int64_t analyzed() const { return analyzed_; }

 private:
  struct Key {
    uint64_t device, inode, size;
    int64_t mtime_ns;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& k) {
      return H::combine(std::move(h), k.device, k.inode, k.size, k.mtime_ns);
    }
  };
  size_t capacity_;
  int64_t analyzed_ = 0;
  absl::flat_hash_map<Key, Answer> answers_;
  std::deque<Key> order_;
};

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_INTERPRETER_BINARY_H_

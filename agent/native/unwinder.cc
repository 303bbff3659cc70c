#include "agent/native/unwinder.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "agent/native/module_map.h"
#include "agent/native/symbol_table.h"

namespace plimsoll::native {
namespace {

constexpr int kMostSymbols = 1 << 18;
constexpr pid_t kThread = 1;  // libdw wants a number; it looks nothing up by it

struct DwflEnd {
  void operator()(Dwfl* dwfl) const { ::dwfl_end(dwfl); }
};

int FindNoFile(Dwfl_Module*, void**, const char*, Dwarf_Addr, char**, Elf**) {
  return -1;
}
int FindNoDebugFile(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*,
                    const char*, GElf_Word, char**) {
  return -1;
}
const Dwfl_Callbacks kFiles = {.find_elf = &FindNoFile,
                               .find_debuginfo = &FindNoDebugFile,
                               .section_address = nullptr,
                               .debuginfo_path = nullptr};

SymbolTable ReadSymbols(Dwfl_Module* module) {
  std::vector<Symbol> symbols;
  const int count = std::min(::dwfl_module_getsymtab(module), kMostSymbols);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    const char* name = ::dwfl_module_getsym_info(module, i, &symbol, &address,
                                                 nullptr, nullptr, nullptr);
    const int type = GELF_ST_TYPE(symbol.st_info);
    if (name == nullptr || *name == '\0' || symbol.st_shndx == SHN_UNDEF ||
        (type != STT_FUNC && type != STT_GNU_IFUNC)) {
      continue;
    }
    symbols.push_back({address, symbol.st_size,
                       std::string(name, ::strnlen(name, kMostNameBytes))});
  }
  return SymbolTable(std::move(symbols));
}

bool CoveredBy(Dwarf_CFI* cfi, Dwarf_Addr address) {
  if (cfi == nullptr) return false;
  Dwarf_Frame* frame = nullptr;
  if (::dwarf_cfi_addrframe(cfi, address, &frame) != 0) return false;
  std::free(frame);
  return true;
}

// Whether some CFI tells how to leave the function at `address`.
bool HasUnwindInfo(Dwfl_Module* module, Dwarf_Addr address) {
  Dwarf_Addr bias = 0;
  Dwarf_CFI* cfi = ::dwfl_module_eh_cfi(module, &bias);
  if (CoveredBy(cfi, address - bias)) return true;
  cfi = ::dwfl_module_dwarf_cfi(module, &bias);
  return CoveredBy(cfi, address - bias);
}

}  // namespace

struct Unwinder::State {
  State(const std::vector<core::Mapping>& mappings, OpenFile open_file)
      : modules(mappings), open(std::move(open_file)) {}

  void ReportModules(const core::NativeSnapshot& snapshot);
  bool Attach();
  core::Frame NameFrame(uint64_t pc);
  int HandleFrame(Dwfl_Frame* frame);

  static bool ReadMemory(Dwfl*, Dwarf_Addr address, Dwarf_Word* result,
                         void* self);
  static pid_t NextThread(Dwfl*, void* self, void** thread_argument);
  static bool GetThread(Dwfl*, pid_t, void* self, void** thread_argument);
  static bool SetRegisters(Dwfl_Thread* thread, void* thread_argument);
  static int OnFrame(Dwfl_Frame* frame, void* self);

  const ModuleMap modules;
  OpenFile open;
  std::set<size_t> reported;  // indices of modules; tried, at least
  absl::flat_hash_map<Dwfl_Module*, SymbolTable> symbols;
  absl::flat_hash_map<uint64_t, core::Frame> named;
  bool attached = false;
  // Of the unwinding under way.
  const core::NativeSnapshot* snapshot = nullptr;
  core::NativeStack stack;
  bool left_the_copy = false;
  std::unique_ptr<Dwfl, DwflEnd> dwfl;
};

// All files that a frame of this stack could lie in: those that the instruction
// pointer or a word of the stack point into.
void Unwinder::State::ReportModules(const core::NativeSnapshot& s) {
  std::set<size_t> wanted;
  const auto want = [&](uint64_t address) {
    if (const auto at = modules.Find(address)) wanted.insert(*at);
  };
  want(s.registers[core::kInstructionPointer]);
  for (size_t at = 0; at + 8 <= s.stack.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, s.stack.data() + at, sizeof(word));
    want(word);
  }
  bool begun = false;
  for (const size_t index : wanted) {
    if (reported.size() >= kMostModules) break;
    if (!reported.insert(index).second) continue;
    const Module& module = modules.modules()[index];
    absl::StatusOr<UniqueFd> file = open(module.mapping);
    if (!file.ok()) continue;  // its frames are refused below, not guessed
    if (!begun) ::dwfl_report_begin_add(dwfl.get());
    begun = true;
    // On success libdw owns the descriptor.
    if (::dwfl_report_elf(dwfl.get(), absl::StrCat(index).c_str(),
                          module.name.c_str(), file->get(), module.base,
                          false) != nullptr) {
      static_cast<void>(file->Release());
    }
  }
  if (begun) ::dwfl_report_end(dwfl.get(), nullptr, nullptr);
}

bool Unwinder::State::Attach() {
  static const Dwfl_Thread_Callbacks kThreads = {
      .next_thread = &NextThread,
      .get_thread = &GetThread,
      .memory_read = &ReadMemory,
      .set_initial_registers = &SetRegisters,
      .detach = nullptr,
      .thread_detach = nullptr};
  if (!attached) {
    attached =
        ::dwfl_attach_state(dwfl.get(), nullptr, kThread, &kThreads, this);
  }
  return attached;
}

bool Unwinder::State::ReadMemory(Dwfl*, Dwarf_Addr address, Dwarf_Word* result,
                                 void* self) {
  auto* state = static_cast<State*>(self);
  const core::NativeSnapshot& s = *state->snapshot;
  const uint64_t begin = s.registers[core::kStackPointer];
  if (address < begin || s.stack.size() < sizeof(*result) ||
      address - begin > s.stack.size() - sizeof(*result)) {
    state->left_the_copy = true;
    return false;
  }
  std::memcpy(result, s.stack.data() + (address - begin), sizeof(*result));
  return true;
}

pid_t Unwinder::State::NextThread(Dwfl*, void* self, void** thread_argument) {
  if (*thread_argument != nullptr) return 0;
  *thread_argument = self;
  return kThread;
}

bool Unwinder::State::GetThread(Dwfl*, pid_t, void* self,
                                void** thread_argument) {
  *thread_argument = self;
  return true;
}

bool Unwinder::State::SetRegisters(Dwfl_Thread* thread, void* thread_argument) {
  const auto* state = static_cast<State*>(thread_argument);
  std::array<Dwarf_Word, core::kNativeRegisters> registers;
  for (size_t i = 0; i < registers.size(); ++i) {
    registers[i] = state->snapshot->registers[i];
  }
  return ::dwfl_thread_state_registers(thread, 0, registers.size(),
                                       registers.data());
}

int Unwinder::State::OnFrame(Dwfl_Frame* frame, void* self) {
  return static_cast<State*>(self)->HandleFrame(frame);
}

int Unwinder::State::HandleFrame(Dwfl_Frame* frame) {
  Dwarf_Addr pc = 0;
  bool is_activation = false;
  if (!::dwfl_frame_pc(frame, &pc, &is_activation)) {
    stack.end = core::UnwindEnd::kFailed;
    return DWARF_CB_ABORT;
  }
  // A return address may be the first of what follows the call's function.
  const uint64_t in_function = is_activation || pc == 0 ? pc : pc - 1;
  Dwfl_Module* module = ::dwfl_addrmodule(dwfl.get(), in_function);
  stack.frames.push_back(NameFrame(in_function));
  if (stack.frames.size() >= kMostNativeFrames) {
    stack.end = core::UnwindEnd::kTooDeep;
    return DWARF_CB_ABORT;
  }
  if (module == nullptr || !HasUnwindInfo(module, in_function)) {
    stack.end = core::UnwindEnd::kNoUnwindInfo;
    return DWARF_CB_ABORT;
  }
  return DWARF_CB_OK;
}

core::Frame Unwinder::State::NameFrame(uint64_t pc) {
  const auto [at, is_new] = named.try_emplace(pc);
  core::Frame& frame = at->second;
  if (!is_new) return frame;
  frame.native = true;
  if (const auto index = modules.Find(pc)) {
    frame.module = modules.modules()[*index].name;
  }
  Dwfl_Module* module = ::dwfl_addrmodule(dwfl.get(), pc);
  if (module == nullptr) return frame;
  const auto [table, unread] = symbols.try_emplace(module);
  if (unread) table->second = ReadSymbols(module);
  frame.function = table->second.NameOf(pc);
  if (Dwfl_Line* line = ::dwfl_module_getsrc(module, pc)) {
    int number = 0;
    const char* file =
        ::dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr);
    if (file != nullptr && number > 0) {
      frame.file = std::string(file, ::strnlen(file, 4096));
      frame.line = number;
    }
  }
  return frame;
}

Unwinder::Unwinder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Unwinder::Unwinder(Unwinder&&) noexcept = default;
Unwinder& Unwinder::operator=(Unwinder&&) noexcept = default;
Unwinder::~Unwinder() = default;

absl::StatusOr<Unwinder> Unwinder::Make(
    const std::vector<core::Mapping>& mappings, OpenFile open) {
  auto state = std::make_unique<State>(mappings, std::move(open));
  state->dwfl.reset(::dwfl_begin(&kFiles));
  if (state->dwfl == nullptr) {
    return absl::InternalError(absl::StrCat("libdw: ", ::dwfl_errmsg(-1)));
  }
  return Unwinder(std::move(state));
}

core::NativeStack Unwinder::Unwind(const core::NativeSnapshot& snapshot) {
  State& state = *state_;
  state.snapshot = &snapshot;
  state.stack = {};
  state.left_the_copy = false;
  state.ReportModules(snapshot);
  if (!state.Attach()) {
    // Not one file could be opened: what can be said is the module's name.
    state.stack.frames.push_back(
        state.NameFrame(snapshot.registers[core::kInstructionPointer]));
    state.stack.end = core::UnwindEnd::kFailed;
    return std::move(state.stack);
  }
  const int result = ::dwfl_getthread_frames(state.dwfl.get(), kThread,
                                             &State::OnFrame, &state);
  if (result == -1) {
    state.stack.end = state.left_the_copy ? core::UnwindEnd::kStackCopyEnd
                                          : core::UnwindEnd::kFailed;
  }
  return std::move(state.stack);
}

}  // namespace plimsoll::native

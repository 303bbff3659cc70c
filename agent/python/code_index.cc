#include "agent/python/code_index.h"

#include <algorithm>
#include <cstring>

namespace plimsoll::python {
namespace {

constexpr size_t kLongestInstruction = 15;

int32_t LoadInt(std::string_view bytes, size_t at) {
  int32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

}  // namespace

CodeIndex::CodeIndex(const ElfFile& elf)
    : fixed_address_(elf.fixed_address()), functions_(FunctionTable::Of(elf)) {
  uint64_t room = kMostCodeBytes;
  for (const ElfSegment& s : elf.segments()) {
    if (!s.executable) continue;
    Block block{
        .address = s.address,
        .bytes = elf.ReadAddress(s.address, std::min(room, s.file_bytes))};
    room -= block.bytes.size();
    blocks_.push_back(std::move(block));
  }
}

std::span<const uint8_t> CodeIndex::Code(const FunctionBounds& bounds) const {
  for (const Block& block : blocks_) {
    if (bounds.begin < block.address ||
        bounds.begin - block.address >= block.bytes.size() ||
        bounds.end < bounds.begin) {
      continue;
    }
    const uint64_t at = bounds.begin - block.address;
    return {reinterpret_cast<const uint8_t*>(block.bytes.data()) + at,
            std::min(bounds.end - bounds.begin, block.bytes.size() - at)};
  }
  return {};
}

bool CodeIndex::Visit(const FunctionBounds& function,
                      const Visitor& visit) const {
  const auto code = Code(function);
  size_t at = 0;
  while (at < code.size()) {
    const auto instruction = disassembler_.Decode(code.subspan(at));
    if (!instruction) return false;
    if (!visit(*instruction, function.begin + at)) return true;
    at += instruction->info.length;
  }
  return true;
}

bool CodeIndex::Proven(uint64_t address, const Visitor& wanted) const {
  const auto function = functions_.Find(address);
  if (!function) return false;
  bool proven = false;
  Visit(*function, [&](const Instruction& instruction, uint64_t at) {
    if (at == address) proven = wanted(instruction, at);
    return at < address;
  });
  return proven;
}

std::vector<uint64_t> CodeIndex::Mentions(uint64_t address) const {
  std::set<uint64_t> found;
  const Visitor names_it = [address](const Instruction& i, uint64_t at) {
    return python::Mentions(i, at, address);
  };
  for (const Block& block : blocks_) {
    for (size_t i = 0; i + 4 <= block.bytes.size(); ++i) {
      const uint64_t here = block.address + i;
      const int32_t value = LoadInt(block.bytes, i);
      // An immediate of up to 4 bytes may stand after the displacement.
      const uint64_t relative = address - (here + 4);
      const uint64_t distance =
          relative - static_cast<uint64_t>(int64_t{value});
      const bool absolute =
          fixed_address_ && static_cast<uint64_t>(int64_t{value}) == address;
      if (distance > 4 && !absolute) continue;
      // The instruction starts a few bytes before the value in it.
      for (size_t back = 1; back <= kLongestInstruction - 4 && back <= i;
           ++back) {
        if (Proven(here - back, names_it)) {
          found.insert(here - back);
          break;
        }
      }
      if (found.size() >= kMostMatches) break;
    }
  }
  return {found.begin(), found.end()};
}

std::vector<uint64_t> CodeIndex::InstructionsLike(
    std::string_view bytes) const {
  std::vector<uint64_t> found;
  for (const Block& block : blocks_) {
    size_t at = block.bytes.find(bytes);
    while (at != std::string::npos && found.size() < kMostMatches) {
      const uint64_t address = block.address + at;
      if (Proven(address, [](const auto&, uint64_t) { return true; })) {
        found.push_back(address);
      }
      at = block.bytes.find(bytes, at + 1);
    }
  }
  return found;
}

template <typename OnTransfer>
void CodeIndex::VisitPossibleTransfers(const FunctionBounds& range,
                                       const OnTransfer& visit) const {
  for (const Block& block : blocks_) {
    for (size_t i = 0; i + 5 <= block.bytes.size(); ++i) {
      const auto opcode = static_cast<uint8_t>(block.bytes[i]);
      // call and jmp, or the second byte of jcc.
      const bool conditional = (opcode & 0xf0) == 0x80;
      if (opcode != 0xe8 && opcode != 0xe9 && !conditional) continue;
      const uint64_t target =
          block.address + i + 5 +
          static_cast<uint64_t>(int64_t{LoadInt(block.bytes, i + 1)});
      if (!range.Contains(target)) continue;
      const uint64_t from = block.address + i - (conditional ? 1 : 0);
      if (!visit(Transfer{
              .from = from, .target = target, .is_call = opcode == 0xe8})) {
        return;
      }
    }
  }
}

std::vector<Transfer> CodeIndex::TransfersInto(
    const FunctionBounds& range) const {
  std::vector<Transfer> found;
  VisitPossibleTransfers(range, [&](const Transfer& t) {
    const bool proven =
        !range.Contains(t.from) &&
        Proven(t.from, [&t](const Instruction& instruction, uint64_t at) {
          return DirectTarget(instruction, at) == t.target;
        });
    if (proven) found.push_back(t);
    return found.size() < kMostMatches;
  });
  return found;
}

bool CodeIndex::MayBeEntered(const FunctionBounds& range,
                             const FunctionBounds& function) const {
  bool entered = false;
  VisitPossibleTransfers(range, [&](const Transfer& t) {
    entered = !t.is_call && !function.Contains(t.from);
    return !entered;
  });
  return entered;
}

std::set<uint64_t> CodeIndex::Callees(const FunctionBounds& function) const {
  constexpr int kMostParts = 8;
  std::set<uint64_t> callees;
  std::set<FunctionBounds> parts;
  std::vector<FunctionBounds> waiting = {function};
  while (!waiting.empty() && parts.size() < kMostParts) {
    const FunctionBounds part = waiting.back();
    waiting.pop_back();
    if (!parts.insert(part).second) continue;
    Visit(part, [&](const Instruction& instruction, uint64_t at) {
      const auto target = DirectTarget(instruction, at);
      if (!target || part.Contains(*target)) return true;
      const auto other = functions_.Find(*target);
      if (!other) return true;
      if (IsCall(instruction) || other->begin == *target) {
        callees.insert(*target);
      }
      // A jump elsewhere: a split part of this function, or its other half.
      if (!IsCall(instruction)) waiting.push_back(*other);
      return true;
    });
  }
  return callees;
}

std::optional<FunctionBounds> CodeIndex::HomeOf(
    const FunctionBounds& part) const {
  std::set<FunctionBounds> jumpers;
  for (const Transfer& t : TransfersInto(part)) {
    if (t.is_call && t.target == part.begin) return part;
    if (const auto from = functions_.Find(t.from)) jumpers.insert(*from);
  }
  if (jumpers.empty()) return part;
  if (jumpers.size() > 1) return std::nullopt;
  return *jumpers.begin();
}

}  // namespace plimsoll::python

#include "collector/store/head.h"

#include <utility>

namespace plimsoll::collector::store {

uint32_t NameTable::Intern(std::string_view text) {
  if (auto found = ids_.find(text); found != ids_.end()) return found->second;
  uint32_t id = static_cast<uint32_t>(texts_.size());
  const std::string& kept = texts_.emplace_back(text);
  ids_.emplace(kept, id);
  unsaved_.push_back(id);
  return id;
}

std::optional<uint32_t> NameTable::Find(std::string_view text) const {
  auto found = ids_.find(text);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

const std::string& NameTable::Text(uint32_t id) const {
  return id < texts_.size() ? texts_[id] : texts_[0];
}

void NameTable::Load(uint32_t id, std::string text) {
  while (texts_.size() <= id) texts_.emplace_back();
  texts_[id] = std::move(text);
  ids_.emplace(texts_[id], id);
}

std::string PairText(std::string_view a, std::string_view b) {
  std::string text(a);
  text.push_back('\0');
  text.append(b);
  return text;
}

std::string IdentityText(std::string_view agent_id, const ProcessIdentity& id) {
  std::string text = PairText(agent_id, id.boot_id);
  text.push_back('\0');
  uint64_t numbers[3] = {static_cast<uint64_t>(id.pid), id.start_ticks,
                         id.exec_seq};
  text.append(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  return text;
}

}  // namespace plimsoll::collector::store

// Handles are index + generation, so that a stale one is an error and never someone else's socket: no slot
// has the same generation twice.
// Slots live in blocks that never move: a pointer to one stays good as long as the table.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "check.h"

namespace portside {

struct HandleId {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
};

// Slot: default-constructible, with `index` and `generation` (odd while in use).
template <typename Slot>
class HandleTable {
 public:
  Slot& add() {
    if (free_.empty()) grow();
    Slot& slot = at(free_.back());
    free_.pop_back();
    slot.generation++;
    PORTSIDE_CHECK(slot.generation % 2 == 1);
    count_++;
    return slot;
  }

  void remove(Slot& slot) {
    PORTSIDE_CHECK(slot.generation % 2 == 1);
    const auto index = slot.index;
    const auto generation = slot.generation + 1;
    slot = Slot{};
    slot.index = index;
    slot.generation = generation;
    // After its last generation a slot is left alone: the next one would be an old identity's again.
    if (generation != 0) free_.push_back(index);
    count_--;
  }

  Slot* find(HandleId id) {
    if (id.index >= capacity() || id.generation % 2 == 0) return nullptr;
    Slot& slot = at(id.index);
    return slot.generation == id.generation ? &slot : nullptr;
  }

  Slot& at(std::uint32_t index) { return blocks_[index / block_size][index % block_size]; }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(blocks_.size()) * block_size; }
  std::uint32_t size() const { return count_; }

  template <typename Visit>
  void each(Visit visit) {
    for (std::uint32_t i = 0; i < capacity(); i++) {
      if (at(i).generation % 2 == 1) visit(at(i));
    }
  }

 private:
  static constexpr std::uint32_t block_size = 256;

  void grow() {
    const auto first = capacity();
    blocks_.push_back(std::make_unique<Slot[]>(block_size));
    free_.reserve(capacity());
    // The lowest index is taken first: the table stays dense, and JavaScript's array of sockets with it.
    for (std::uint32_t i = block_size; i-- > 0;) {
      at(first + i).index = first + i;
      free_.push_back(first + i);
    }
  }

  std::vector<std::unique_ptr<Slot[]>> blocks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t count_ = 0;
};

}  // namespace portside

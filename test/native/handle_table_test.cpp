// The handle table: an identity is good from add() to remove(), and never again.
#include "../../native/engine/handle_table.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace {

struct Slot {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  int value = 0;
};

using portside::HandleId;
using portside::HandleTable;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

HandleId id_of(const Slot& slot) {
  return {slot.index, slot.generation};
}

// One slot used over and over: whoever held it before finds nothing.
void generations_never_repeat() {
  HandleTable<Slot> table;
  std::vector<HandleId> stale;
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  for (int round = 0; round < 2000; round++) {
    Slot& slot = table.add();
    const HandleId id = id_of(slot);
    require(seen.emplace(id.index, id.generation).second, "an identity is given once");
    require(table.find(id) == &slot, "a handle in use is found");
    for (const HandleId old : stale)
      require(table.find(old) == nullptr, "a stale identity finds nothing, though its slot is in use again");
    table.remove(slot);
    require(table.find(id) == nullptr, "a closed handle is not found");
    stale.push_back(id);
  }
}

// Against a model: many handles, opened and closed in any order.
void agrees_with_a_model() {
  HandleTable<Slot> table;
  std::mt19937 random(7);
  std::vector<std::pair<HandleId, int>> open;
  std::vector<HandleId> closed;
  for (int step = 0; step < 50'000; step++) {
    if (open.empty() || random() % 5 < 3) {
      Slot& slot = table.add();
      require(slot.value == 0, "a slot that is used again is as new");
      slot.value = step + 1;
      open.emplace_back(id_of(slot), slot.value);
    } else {
      std::swap(open[random() % open.size()], open.back());
      table.remove(*table.find(open.back().first));
      closed.push_back(open.back().first);
      open.pop_back();
    }
    require(table.size() == open.size(), "size() counts the open ones");
    if (!closed.empty())
      require(!table.find(closed[random() % closed.size()]), "a closed handle stays unknown");
    if (open.empty()) continue;
    const auto& [id, value] = open[random() % open.size()];
    require(table.find(id) && table.find(id)->value == value, "an open handle stays what it is");
    require(!table.find({id.index, id.generation + 1}), "a free slot's generation finds nothing");
    require(!table.find({id.index, id.generation - 1}), "nor does the one before");
  }
  std::size_t visited = 0;
  table.each([&](const Slot& slot) { visited += slot.generation % 2; });
  require(visited == open.size(), "each() visits the open ones");
  require(!table.find({table.capacity(), 1}), "an index beyond the table finds nothing");
}

// Generations are 32 bits wide. The last one is used up like any other, and its slot with it.
void the_last_generation_is_the_last() {
  HandleTable<Slot> table;
  Slot& slot = table.add();
  const HandleId first = id_of(slot);
  slot.generation = 0xffffffff;
  require(table.find(id_of(slot)) == &slot, "the last generation is one");
  std::size_t visited = 0;
  table.each([&](const Slot&) { visited++; });
  require(visited == 1, "a slot in its last generation is in use");
  table.remove(slot);
  for (int i = 0; i < 1000; i++)
    require(table.add().index != first.index, "a slot without generations is not used again");
  require(!table.find(first) && !table.find({first.index, 0xffffffff}) && !table.find({first.index, 0}),
          "none of its identities finds anything");
}

}  // namespace

int main() {
  generations_never_repeat();
  agrees_with_a_model();
  the_last_generation_is_the_last();
  std::puts("no identity is good twice");
}

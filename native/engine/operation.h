// An operation that waits. It is found by its token (cancel) and from its handle (readiness, close), and
// lives until its completion is emitted, whatever JavaScript does meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "check.h"
#include "list.h"
#include "rings.h"

namespace portside {

struct Operation : Link<Operation> {
  std::uint32_t token = 0;  // 0: nobody waits for it
  Opcode opcode = Opcode::none;
  std::uint32_t index = 0;  // the handle's
  std::uint32_t size = 0;   // receive: most bytes; send: all bytes
  std::uint32_t done = 0;   // send: bytes taken by the OS
  std::int32_t flags = 0;
  std::vector<std::uint8_t> bytes;  // send: what is left over, in memory of ours
  std::uint32_t bytes_at = 0;       // send: how many of `bytes` the OS has taken
  // Only where the OS works on our memory: bytes it was given and has not answered for, in so many pieces.
  std::uint32_t posted = 0;
  std::uint32_t in_flight = 0;
  bool completed = false;  // JavaScript has its answer; the last piece that comes back deletes it

  std::uint32_t left() const { return static_cast<std::uint32_t>(bytes.size()) - bytes_at; }
};

// At the end of an operation: what the OS still works with outlives it.
inline void dispose(Operation* operation) {
  operation->completed = true;
  if (operation->in_flight == 0) delete operation;
}

// Tokens are small numbers that JavaScript deals out and takes back with the completion. The table grows by
// pages, so that a large token costs no more than a small one.
class OperationTable {
 public:
  // Whether an operation may begin under this token.
  bool is_usable(std::uint32_t token) const {
    return token != 0 && token <= max_token && find(token) == nullptr;
  }

  void put(Operation& operation) {
    if (operation.token == 0) return;
    PORTSIDE_CHECK(is_usable(operation.token));
    const auto page = operation.token / page_size;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page]) pages_[page] = std::make_unique<Operation*[]>(page_size);
    pages_[page][operation.token % page_size] = &operation;
  }

  Operation* find(std::uint32_t token) const {
    const auto page = token / page_size;
    return page < pages_.size() && pages_[page] ? pages_[page][token % page_size] : nullptr;
  }

  void remove(const Operation& operation) {
    if (operation.token != 0) pages_[operation.token / page_size][operation.token % page_size] = nullptr;
  }

 private:
  static constexpr std::uint32_t page_size = 1024;

  std::vector<std::unique_ptr<Operation*[]>> pages_;
};

}  // namespace portside

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
  std::uint32_t bytes_at = 0;       // send: first of `bytes` that is not taken

  std::uint32_t left() const { return static_cast<std::uint32_t>(bytes.size()) - bytes_at; }
};

// Tokens are small numbers that JavaScript deals out and takes back with the completion.
class OperationTable {
 public:
  bool is_free(std::uint32_t token) const { return token >= slots_.size() || slots_[token] == nullptr; }

  void put(Operation& operation) {
    if (operation.token == 0) return;
    if (operation.token >= slots_.size()) slots_.resize(operation.token * 2 + 64);
    PORTSIDE_CHECK(slots_[operation.token] == nullptr);
    slots_[operation.token] = &operation;
  }

  Operation* find(std::uint32_t token) const { return token < slots_.size() ? slots_[token] : nullptr; }

  void remove(const Operation& operation) {
    if (operation.token != 0) slots_[operation.token] = nullptr;
  }

 private:
  std::vector<Operation*> slots_;
};

}  // namespace portside

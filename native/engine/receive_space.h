// Where received bytes lie from the system call until JavaScript has seen them: a slab that is handed out
// from its start in every batch and taken back whole with the batch. What was used last is used next, so it
// stays in the cache, and an idle connection holds none of it.
#pragma once

#include <cstdint>

#include "check.h"
#include "rings.h"

namespace portside {

class ReceiveSpace {
 public:
  explicit ReceiveSpace(const Rings& rings) : rings_(rings) {}

  bool has_room() const { return rings_.received() && used_ + receive_limit <= receive_space_size; }
  std::uint8_t* next() { return rings_.received() + used_; }
  std::uint32_t used() const { return used_; }

  // Keeps the bytes just received; returns where they lie. The next ones start on a cache line of their own.
  std::uint32_t keep(std::uint32_t bytes) {
    PORTSIDE_CHECK(bytes <= receive_limit && has_room());
    const auto offset = used_;
    used_ += (bytes + 63) & ~63U;
    return offset;
  }

  void release_all() { used_ = 0; }

 private:
  const Rings& rings_;
  std::uint32_t used_ = 0;
};

}  // namespace portside

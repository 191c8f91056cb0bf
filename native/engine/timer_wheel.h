// A hierarchical hashed timing wheel (Varghese and Lauck, 1987): starting, stopping and expiring a timer are
// O(1) each, however many there are. Time is in milliseconds; a timer may be late by the tick, never early.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "list.h"

namespace portside {

struct Timer : Link<Timer> {
  std::uint64_t expiry = 0;
  std::uint32_t token = 0;    // an operation's, or 0 for one of the engine's own
  std::uint16_t slot = idle;  // level * 256 + slot in that level
  static constexpr std::uint16_t idle = 0xffff;

  bool active() const { return slot != idle; }
};

class TimerWheel {
 public:
  explicit TimerWheel(std::uint64_t now) : now_(now) {}

  void start(Timer& timer, std::uint64_t expiry);
  void stop(Timer& timer);

  // Moves every timer that is due at `now` into `expired`, oldest first.
  void advance(std::uint64_t now, List<Timer>& expired);

  // When advance() must be called next (a timer is due, or moves to a finer level); nothing when no timer
  // runs.
  std::optional<std::uint64_t> next() const;

  std::uint32_t size() const { return size_; }

 private:
  static constexpr unsigned levels = 4;
  static constexpr unsigned slots = 256;

  void insert(Timer& timer);
  void take(unsigned level, unsigned slot, List<Timer>& into);
  unsigned distance(unsigned level, unsigned from) const;

  std::array<std::array<List<Timer>, slots>, levels> lists_;
  std::array<std::array<std::uint64_t, slots / 64>, levels> occupied_{};
  std::uint64_t now_;
  std::uint32_t size_ = 0;
};

}  // namespace portside

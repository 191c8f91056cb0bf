#include "timer_wheel.h"

#include <algorithm>
#include <bit>

namespace portside {

void TimerWheel::start(Timer& timer, std::uint64_t expiry) {
  PORTSIDE_CHECK(!timer.active());
  timer.expiry = std::max(expiry, now_ + 1);
  insert(timer);
  size_++;
}

void TimerWheel::stop(Timer& timer) {
  PORTSIDE_CHECK(timer.active());
  const unsigned level = timer.slot / slots;
  const unsigned slot = timer.slot % slots;
  auto& list = lists_[level][slot];
  list.remove(timer);
  if (list.empty()) occupied_[level][slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  timer.slot = Timer::idle;
  size_--;
}

// A timer lies in the coarsest level whose slot boundary is still ahead of it; the boundary is when it moves
// down.
void TimerWheel::insert(Timer& timer) {
  const std::uint64_t farthest = (std::uint64_t{1} << (8 * levels)) - 1;
  const std::uint64_t delay = std::min(timer.expiry - now_, farthest);
  const std::uint64_t tick = now_ + delay;
  unsigned level = 0;
  while (level + 1 < levels && delay >> (8 * (level + 1)) != 0)
    level++;
  const auto slot = static_cast<unsigned>((tick >> (8 * level)) % slots);
  timer.slot = static_cast<std::uint16_t>(level * slots + slot);
  lists_[level][slot].append(timer);
  occupied_[level][slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::take(unsigned level, unsigned slot, List<Timer>& into) {
  while (Timer* timer = lists_[level][slot].take_first()) {
    timer->slot = Timer::idle;
    into.append(*timer);
  }
  occupied_[level][slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
}

// Slots from `from` to the next one in use, 1..256 (256: `from` itself, a whole round ahead); 0 when none is.
unsigned TimerWheel::distance(unsigned level, unsigned from) const {
  const auto& words = occupied_[level];
  const unsigned start = (from + 1) % slots;
  for (unsigned i = 0; i <= words.size(); i++) {
    const unsigned word = (start / 64 + i) % words.size();
    std::uint64_t bits = words[word];
    if (i == 0) bits &= ~std::uint64_t{0} << (start % 64);
    if (i == words.size()) bits &= (std::uint64_t{1} << (start % 64)) - 1;
    if (bits == 0) continue;
    const unsigned slot = word * 64 + static_cast<unsigned>(std::countr_zero(bits));
    return (slot - start + slots) % slots + 1;
  }
  return 0;
}

std::optional<std::uint64_t> TimerWheel::next() const {
  std::optional<std::uint64_t> earliest;
  for (unsigned level = 0; level < levels; level++) {
    const std::uint64_t position = now_ >> (8 * level);
    const unsigned ahead = distance(level, static_cast<unsigned>(position % slots));
    if (ahead == 0) continue;
    const std::uint64_t tick = (position + ahead) << (8 * level);
    if (!earliest || tick < *earliest) earliest = tick;
  }
  return earliest;
}

void TimerWheel::advance(std::uint64_t now, List<Timer>& expired) {
  while (now_ < now) {
    const auto tick = next();
    if (!tick || *tick > now) {
      now_ = now;
      return;
    }
    now_ = *tick;
    List<Timer> moving;
    for (unsigned level = levels - 1; level > 0; level--) {
      const std::uint64_t below = (std::uint64_t{1} << (8 * level)) - 1;
      if ((now_ & below) == 0) take(level, static_cast<unsigned>((now_ >> (8 * level)) % slots), moving);
    }
    List<Timer> due;
    while (Timer* timer = moving.take_first()) {
      if (timer->expiry <= now_) {
        due.append(*timer);
      } else {
        insert(*timer);
      }
    }
    take(0, static_cast<unsigned>(now_ % slots), due);
    while (Timer* timer = due.take_first()) {
      size_--;
      expired.append(*timer);
    }
  }
}

}  // namespace portside

// How the engine gets its turn on JavaScript's thread. Two kinds: nested into the host's loop (no thread),
// and a thread that waits for the kernel and calls over (everywhere else).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

namespace portside {

// What a turn leaves behind.
struct Rest {
  bool more = false;                      // there is work at once, whatever the kernel says
  bool referenced = false;                // the process must stay alive for it
  std::optional<std::uint64_t> deadline;  // milliseconds of the engine's clock
};

class Waker {
 public:
  Waker() = default;
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  virtual ~Waker() = default;

  // After a turn, and whenever JavaScript submitted something between turns.
  virtual void update(const Rest& rest) = 0;

  // From any thread, at any time until close(): a turn soon.
  virtual void wake() noexcept = 0;

  // No turn follows. The waker deletes itself, then calls `done` (perhaps at once).
  virtual void close(void (*done)(void*), void* data) = 0;
};

}  // namespace portside

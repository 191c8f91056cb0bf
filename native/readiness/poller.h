// The seam below the readiness emulation: the kernel's queue of readiness events. It knows descriptors and
// tags, and nothing of what sockets do.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "../engine/error_code.h"

namespace portside {

struct ReadyEvent {
  std::uint64_t tag = 0;
  bool readable = false;
  bool writable = false;
  bool hung_up = false;  // end of stream or an error lies behind the data
  bool urgent = false;   // urgent data lie in the stream: a receive stops short at them (tcp(7))
  // Where the kernel's queue tells them:
  std::uint32_t unread = 0;  // bytes that can be received
  Error error{};             // the socket's own error; the socket may not tell it a second time
};

// Edge-triggered: an event says that something changed, and is not repeated while nothing does.
class Poller {
 public:
  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  virtual ~Poller() = default;

  virtual Error open() = 0;

  // `tag` comes back with the descriptor's events. What is ready already is reported as a change. Being
  // readable is; of a stream that is still connecting being writable, too, once: the end of the connect.
  virtual Error add_connecting(int descriptor, std::uint64_t tag) = 0;
  virtual Error add_stream(int descriptor, std::uint64_t tag) = 0;
  virtual Error add_listener(int descriptor, std::uint64_t tag) = 0;
  // The kernel had no room for a stream's data: writable is reported once, when it has some. Not needed, but
  // allowed, in other cases.
  virtual Error await_room(int descriptor, std::uint64_t tag) = 0;
  // Before the descriptor is closed. Events of it that are under way may still come.
  virtual void remove(int descriptor) = 0;

  // What is ready now, without waiting.
  virtual std::span<const ReadyEvent> wait() = 0;

  // What block() and wake() need beyond open(), which may cost a descriptor; not every waker uses them.
  virtual Error prepare_to_block() = 0;
  // From any thread: sleep until wait() would bring something (ms; -1: however long), and end that sleep.
  virtual void block(int timeout) noexcept = 0;
  virtual void wake() noexcept = 0;
  virtual int descriptor() const = 0;
};

}  // namespace portside

// What the engine keeps of a listener or a connection, on every backend.
#pragma once

#include <cstdint>

#include "../engine/backend.h"

namespace portside {

enum class HandleKind : std::uint8_t { none, listener, connecting, stream };

// What an echo touches lies in the first of its two cache lines.
struct alignas(64) StreamHandle : Link<StreamHandle> {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  int descriptor = -1;
  HandleKind kind = HandleKind::none;
  bool queued : 1 = false;    // stands in the ready list
  bool readable : 1 = false;  // the last we know: trying may succeed
  bool writable : 1 = false;
  bool awaits_room : 1 = false;  // the kernel was told that we wait to be writable
  bool read_on : 1 = false;      // a short read is not the last one: more than data lies in the stream
  bool automatic : 1 = false;    // push style: receive, or accept, without being asked
  bool ended : 1 = false;        // nothing more can be received
  bool orderly : 1 = false;      // ... as the peer's FIN was seen
  bool send_ended : 1 = false;   // shutdown() was asked for
  bool fin_sent : 1 = false;
  bool closing : 1 = false;       // close() waits for what is queued
  bool closed : 1 = false;        // the last completion is emitted
  bool notify : 1 = false;        // JavaScript waits to hear that everything was taken
  bool told : 1 = false;          // JavaScript was told of the failure
  bool lost_in_send : 1 = false;  // a send found the failure
  bool blocked : 1 = false;       // JavaScript was told that bytes are queued
  bool referenced : 1 = true;
  bool receive_later : 1 = false;  // the OS had no memory for it: tried again by the clock
  bool send_later : 1 = false;
  std::uint32_t in_line = 0;   // completions that have not reached the ring
  std::uint32_t barriers = 0;  // those of them that are not of sends: no receive passes them
  // Where the line ended when a receive first had to wait for it; 0: it did not.
  std::uint32_t turn_comes = 0;
  std::uint32_t unread = 0;  // bytes that the kernel's queue said are there, where it says so
  Error failure;             // the connection is lost: what every later operation hears
  List<Operation> sends;     // sends and the shutdown, in order
  List<Operation> waiting;   // receives; accepts of a listener; the connect
  union {
    struct ListenerState* listener = nullptr;
    struct FlushingState* flushing;  // of a stream, while close() waits for what is queued
  };
  struct HandleExtension* extension = nullptr;  // what a backend keeps besides
  KeptEnd peer;                                 // where the other end is, once it is connected
  Error reported;  // what the kernel's queue said is wrong, where it says so; the socket itself goes first
  std::uint64_t unawaited = 0;  // bytes among `sends` that nobody waits for
};
static_assert(sizeof(StreamHandle) <= 128);

// A timer of one handle's.
struct HandleTimer : Timer {
  std::uint32_t index = 0;
};

// What only listeners have. The timer runs while accepting pauses.
struct ListenerState : HandleTimer {
  ListenParameters parameters;
  bool short_of = false;  // from the first refusal until an accept goes well again
};

// A close that waits until what is queued is out. The timer looks whether the peer still takes some of it.
struct FlushingState : HandleTimer {
  std::uint64_t deadline = 0;  // milliseconds of the engine's clock; later with all that is taken
};

}  // namespace portside

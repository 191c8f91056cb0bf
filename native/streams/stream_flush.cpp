// A close that waits until what is queued is out: as long as the peer takes some of it now and then, and no
// longer. A peer that never reads would keep the connection, and the memory, for ever.
#include "../engine/clock.h"
#include "stream_backend.h"

namespace portside {
namespace {

// How long a peer may take nothing at all, and how often that is looked at (ms).
constexpr std::uint64_t flush_patience = 10'000;
constexpr std::uint64_t flush_look_every = 1'000;

}  // namespace

void StreamBackend::close_when_flushed(Handle& handle) {
  if (handle.closing) return;
  handle.closing = true;
  auto* flushing = new FlushingState;
  flushing->index = handle.index;
  handle.flushing = flushing;
  peer_takes(handle);
  parts_.timers.start(*flushing, parts_.now + flush_look_every);
}

// Not the turn's time: a program may close long after the last turn.
void StreamBackend::peer_takes(Handle& handle) {
  if (handle.flushing) handle.flushing->deadline = milliseconds_now() + flush_patience;
}

void StreamBackend::look_at_flushing(Handle& handle) {
  FlushingState& flushing = *handle.flushing;
  if (flushing.deadline <= parts_.now) return reset(handle);
  parts_.timers.start(flushing, parts_.now + flush_look_every);
  // The OS tells of room only once there is plenty of it: a slow reader's little is found by trying.
  handle.writable = true;
  make_ready(handle);
}

}  // namespace portside

// Receiving and sending when the OS has no memory for it: nothing is lost, it is tried again, by the clock or
// as soon as the kernel tells of something new.
#include <utility>

#include "stream_backend.h"

namespace portside {
namespace {

constexpr std::uint64_t retry_after = 50;  // milliseconds

}  // namespace

void StreamBackend::receive_later(Handle& handle) {
  handle.readable = false;
  handle.receive_later = true;
  try_again_later(handle);
}

void StreamBackend::send_later(Handle& handle) {
  handle.writable = false;
  handle.send_later = true;
  try_again_later(handle);
}

void StreamBackend::try_again_later(const Handle& handle) {
  parts_.counters.retries++;
  short_of_memory_.push_back({handle.index, handle.generation});
  if (!memory_timer_.active()) parts_.timers.start(memory_timer_, parts_.now + retry_after);
}

void StreamBackend::retry_short_of_memory() {
  for (const HandleId id : std::exchange(short_of_memory_, {})) {
    Handle* handle = find(id);
    if (handle) try_again(*handle);
  }
}

}  // namespace portside

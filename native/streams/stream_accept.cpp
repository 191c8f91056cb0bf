// Accepting: as many as are asked for (pull style) or all that come (push style), and what happens when the
// process is short of descriptors or memory: accepting pauses, the connections stay in the kernel's backlog,
// nothing else stops.
#include "stream_backend.h"

namespace portside {
namespace {

constexpr std::uint64_t retry_after = 50;  // milliseconds; sooner when a handle of ours is closed

}  // namespace

bool StreamBackend::wants_to_accept(const Handle& handle) const {
  return (handle.automatic || !handle.waiting.empty()) && !handle.listener->active();
}

// Always ahead: what comes of the connection itself does not wait for its listener's completions in line.
void StreamBackend::announce_accepted(Handle& listener, const Handle& accepted) {
  Completion completion{};
  completion.kind = CompletionKind::accepted;
  completion.result = static_cast<std::int32_t>(accepted.index);
  completion.offset = accepted.generation;
  if (listener.automatic) return emit(listener, completion, true);
  Operation* operation = listener.waiting.take_first();
  parts_.operations.remove(*operation);
  finish(&listener, operation->token, completion, true);
  delete operation;
}

void StreamBackend::pause_accepting(Handle& handle, Error error) {
  ListenerState& listener = *handle.listener;
  parts_.timers.start(listener, parts_.now + retry_after);
  short_listeners_.push_back(handle.index);
  if (listener.short_of) return;  // still the same shortage
  listener.short_of = true;
  parts_.counters.shortages++;
  Completion completion{};
  completion.kind = CompletionKind::shortage;
  completion.error = static_cast<std::int32_t>(error.code);
  completion.native = error.native;
  emit(handle, completion);
}

void StreamBackend::accepting_works(Handle& handle) {
  if (!handle.listener->short_of) return;
  handle.listener->short_of = false;
  Completion completion{};
  completion.kind = CompletionKind::shortage;
  emit(handle, completion);
}

void StreamBackend::expired(Timer& timer) {
  if (&timer == &memory_timer_) return retry_short_of_memory();
  Handle& handle = handles_.at(static_cast<HandleTimer&>(timer).index);
  if (handle.kind == HandleKind::stream) return look_at_flushing(handle);
  std::erase(short_listeners_, handle.index);
  make_ready(handle);
}

void StreamBackend::retry_short_listeners() {
  while (!short_listeners_.empty()) {
    Handle& handle = handles_.at(short_listeners_.back());
    parts_.timers.stop(*handle.listener);
    short_listeners_.pop_back();
    make_ready(handle);
  }
}

}  // namespace portside

// Accepting: as many as are asked for (pull style) or all that come (push style), and what happens when the
// process is short of descriptors or memory: accepting pauses, the connections stay in the kernel's backlog,
// nothing else stops.
#include "readiness_backend.h"

namespace portside {
namespace {

constexpr unsigned tries_per_visit = 1024;
constexpr std::uint64_t retry_after = 50;  // milliseconds; sooner when a handle of ours is closed

}  // namespace

bool ReadinessBackend::wants_to_accept(const Handle& handle) const {
  return (handle.automatic || !handle.waiting.empty()) && !handle.listener->active();
}

void ReadinessBackend::serve_listener(Handle& handle) {
  // Bounded: errors that pass may come one after the other.
  unsigned tries = tries_per_visit;
  while (tries-- > 0 && handle.readable && wants_to_accept(handle) && can_go_ahead(handle)) {
    if (!accept_one(handle)) return;
  }
}

// False when there is no point in trying again now.
bool ReadinessBackend::accept_one(Handle& handle) {
  const auto made = sockets::accept(handle.descriptor);
  if (made.error.code == ErrorCode::AGAIN) {
    handle.readable = false;
    accepting_works(handle);
    return false;
  }
  if (made.error && sockets::is_accept_transient(made.error.code)) return true;
  if (made.error) {
    pause_accepting(handle, made.error);
    return false;
  }
  Handle& accepted = add_handle(made.descriptor, HandleKind::stream);
  accepted.writable = true;
  accepted.automatic = handle.automatic;
  Error error = sockets::adopt(accepted.descriptor, handle.listener->settings);
  if (!error) error = associate(accepted);
  if (error) {
    forget(accepted);
    if (!is_shortage(error.code) && error.code != ErrorCode::NOSPC)
      return true;  // the client is gone already
    pause_accepting(handle, error);
    return false;
  }
  parts_.counters.accepted++;
  accepting_works(handle);
  announce_accepted(handle, accepted);
  return true;
}

void ReadinessBackend::announce_accepted(Handle& listener, const Handle& accepted) {
  Completion completion{};
  completion.kind = CompletionKind::accepted;
  completion.result = static_cast<std::int32_t>(accepted.index);
  completion.offset = accepted.generation;
  if (listener.automatic) return emit(listener, completion, can_go_ahead(listener));
  Operation* operation = listener.waiting.take_first();
  parts_.operations.remove(*operation);
  finish(&listener, operation->token, completion, can_go_ahead(listener));
  delete operation;
}

void ReadinessBackend::pause_accepting(Handle& handle, Error error) {
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

void ReadinessBackend::accepting_works(Handle& handle) {
  if (!handle.listener->short_of) return;
  handle.listener->short_of = false;
  Completion completion{};
  completion.kind = CompletionKind::shortage;
  emit(handle, completion);
}

void ReadinessBackend::expired(Timer& timer) {
  Handle& handle = handles_.at(static_cast<ListenerState&>(timer).index);
  std::erase(short_listeners_, handle.index);
  make_ready(handle);
}

void ReadinessBackend::retry_short_listeners() {
  while (!short_listeners_.empty()) {
    Handle& handle = handles_.at(short_listeners_.back());
    parts_.timers.stop(*handle.listener);
    short_listeners_.pop_back();
    make_ready(handle);
  }
}

}  // namespace portside

// Accepting: as many as are asked for (pull style) or all that come (push style).
#include "readiness_backend.h"

namespace portside {
namespace {

constexpr unsigned tries_per_visit = 1024;

}  // namespace

void ReadinessBackend::serve_listener(Handle& handle) {
  // Bounded: errors that pass may come one after the other.
  unsigned tries = tries_per_visit;
  while (tries-- > 0 && handle.readable && wants_to_accept(handle) && can_go_ahead(handle)) {
    if (!accept_one(handle)) return;
  }
}

// False when there is no point in trying again now.
bool ReadinessBackend::accept_one(Handle& handle) {
  PackedAddress peer;
  const auto made = sockets::accept(handle.descriptor, peer);
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
  remember_peer(accepted, peer);
  Error error = sockets::adopt(accepted.descriptor, handle.listener->parameters.settings);
  if (!error) error = associate(accepted);
  if (error) {
    forget(accepted);
    if (!is_shortage(error.code) && error.code != ErrorCode::NOSPC)
      return true;  // the client is gone already
    pause_accepting(handle, error);
    return false;
  }
  parts_.counters.accepted++;
  // Ahead of the news that accepting goes on: that may have to stand in line, and the connection's first
  // bytes would come before the connection then.
  announce_accepted(handle, accepted);
  accepting_works(handle);
  return true;
}

}  // namespace portside

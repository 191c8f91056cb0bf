#include "readiness_backend.h"

namespace portside {

void ReadinessBackend::serve_connecting(Handle& handle) {
  Error error = sockets::connect_result(handle.descriptor);
  // What the queue said is wrong comes before what this asking met (EINVAL, say, for whom its peer
  // has left).
  if (error && handle.reported) error = handle.reported;
  if (error.code == ErrorCode::INPROGRESS) {
    handle.writable = false;  // woken for nothing
    return await_room(handle);
  }
  // The connection stood, and its peer ended and reset it before anybody looked.
  if (error.code == ErrorCode::PIPE) return connected(handle, {ErrorCode::CONNRESET, error.native});
  connected(handle, error);
}

// The socket knows before its event is taken, and is asked instead: there may be any number before that one.
bool ReadinessBackend::has_ended(Handle& handle) {
  handle.writable = true;
  serve_connecting(handle);
  return handle.closed || handle.kind != HandleKind::connecting;
}

}  // namespace portside

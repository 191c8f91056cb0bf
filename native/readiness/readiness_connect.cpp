#include "readiness_backend.h"

namespace portside {

void ReadinessBackend::serve_connecting(Handle& handle) {
  Operation& operation = *handle.waiting.first();
  const Error error = sockets::connect_result(handle.descriptor);
  if (error.code == ErrorCode::INPROGRESS) {
    handle.writable = false;  // woken for nothing
    return;
  }
  complete(handle, handle.waiting, operation, error, 0);
  if (error) return close(handle);
  handle.kind = HandleKind::stream;
  parts_.counters.connected++;
}

}  // namespace portside

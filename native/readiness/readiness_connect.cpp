#include "readiness_backend.h"

namespace portside {

void ReadinessBackend::serve_connecting(Handle& handle) {
  Error error = sockets::connect_result(handle.descriptor);
  if (error.code == ErrorCode::INPROGRESS && handle.reported) error = handle.reported;
  if (error.code == ErrorCode::INPROGRESS) {
    handle.writable = false;  // woken for nothing
    return;
  }
  connected(handle, error);
}

}  // namespace portside

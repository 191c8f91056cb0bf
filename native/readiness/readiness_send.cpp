// Queued sends, as the kernel has room for them.
#include <array>

#include "readiness_backend.h"

namespace portside {
namespace {

// One visit sends no more, so that a fast reader of one connection does not hold up the others.
constexpr std::size_t bytes_per_visit = 1024 * 1024;

}  // namespace

void ReadinessBackend::await_room(Handle& handle) {
  // Short of memory, there may be room all the same, and the kernel would say so again and again.
  if (!handle.writable && !handle.awaits_room && !handle.send_later) {
    const Error error = poller_->await_room(handle.descriptor, tag_of(handle));
    handle.awaits_room = !error;
    if (error) send_later(handle);  // the kernel lacks memory even to remember that
  }
  make_ready(handle);
}

void ReadinessBackend::serve_sends(Handle& handle) {
  std::size_t sent = 0;
  while (handle.writable && !handle.sends.empty() && sent < bytes_per_visit) {
    Operation& first = *handle.sends.first();
    if (first.opcode == Opcode::shutdown) {
      const Error error = send_fin(handle);
      if (is_shortage(error.code)) return send_later(handle);
      complete(handle, handle.sends, first, error, 0);
      continue;
    }
    const auto before = parts_.counters.bytes_sent;
    if (!send_some(handle)) return;
    sent += parts_.counters.bytes_sent - before;
  }
  if (handle.sends.empty()) sends_are_out(handle);
}

// One system call for as many waiting sends as fit. False when the kernel takes no more now, or the
// connection is lost.
bool ReadinessBackend::send_some(Handle& handle) {
  std::array<Bytes, sockets::max_parts> parts;
  std::size_t count = 0;
  for (Operation* operation = handle.sends.first(); operation && count < parts.size();
       operation = operation->next) {
    if (operation->opcode != Opcode::send) break;
    parts[count++] = Bytes(operation->bytes).subspan(operation->bytes_at);
  }
  const auto wanted = size_of({parts.data(), count});
  const auto moved = wanted == 0 ? sockets::Moved{} : sockets::send(handle.descriptor, {parts.data(), count});
  if (is_shortage(moved.error.code)) {
    send_later(handle);
    return false;
  }
  if (moved.error && moved.error.code != ErrorCode::AGAIN) {
    lost_sending(handle, moved.error);
    return false;
  }
  taken(handle, moved.bytes);
  if (!moved.error && moved.bytes == wanted) return true;
  handle.writable = false;
  await_room(handle);
  return false;
}

}  // namespace portside

// Sending: straight from the caller's memory as far as the kernel takes it at once; what is left over is
// copied, and goes out, in order, as the kernel has room.
#include <algorithm>

#include "stream_backend.h"

namespace portside {
namespace {

// Small writes that wait are joined up to this size: fewer, larger sends.
constexpr std::size_t join_up_to = 64 * 1024;

// What a send answers when it is not done.
constexpr std::size_t completion_follows = 1;

void append_from(std::vector<std::uint8_t>& to, std::span<const Bytes> parts, std::size_t skip) {
  for (const auto& part : parts) {
    const auto skipped = std::min(skip, part.size());
    skip -= skipped;
    to.insert(to.end(), part.begin() + static_cast<std::ptrdiff_t>(skipped), part.end());
  }
}

Completion result_of(Error error, std::size_t size, std::size_t taken) {
  Completion completion{};
  completion.result = error ? 0 : static_cast<std::int32_t>(size);
  completion.error = static_cast<std::int32_t>(error.code);
  completion.native = error.native;
  completion.bytes_sent = static_cast<std::uint32_t>(taken);
  completion.offset = of_sending;
  return completion;
}

}  // namespace

std::size_t StreamBackend::send_on(Handle& handle, std::uint32_t token, std::span<const Bytes> parts,
                                   std::int32_t flags) {
  if (flags & notify_drained) handle.notify = true;
  const std::size_t size = size_of(parts);
  const Error ended = handle.failure ? handle.failure : Error{ErrorCode::PIPE, 0};
  // Behind a FIN nothing can be sent; no bytes at all are a question whether those before it are out.
  if (handle.failure || (handle.send_ended && size > 0)) {
    if (token == 0 && handle.failure) tell_failure(handle);
    return refuse_send(&handle, token, ended, size);
  }
  std::size_t taken = 0;
  if (handle.sends.empty() && handle.writable && size > 0) {
    const auto now = parts.first(std::min(parts.size(), sockets::max_parts));
    const auto moved = sockets::send(handle.descriptor, now);
    if (is_shortage(moved.error.code)) {
      send_later(handle);
    } else if (moved.error && moved.error.code != ErrorCode::AGAIN) {
      const Error error = cause_of_loss(handle, moved.error);
      const auto answer = refuse_send(&handle, token, error, size);
      lost_sending(handle, error);
      return answer;
    }
    taken = moved.bytes;
    if (taken < size_of(now)) handle.writable = false;
  }
  parts_.counters.bytes_sent += taken;
  if (taken < size || !handle.sends.empty()) return queue_send(handle, token, parts, taken, flags);
  if (token != 0 && (flags & answered)) {
    parts_.counters.completed++;
  } else {
    finish(&handle, token, result_of({}, size, taken));
  }
  sends_are_out(handle);
  return 0;
}

// None of it was taken. Of a send that nobody waits for the number of its bytes is all that is told.
std::size_t StreamBackend::refuse_send(Handle* handle, std::uint32_t token, Error error, std::size_t size) {
  if (token == 0) parts_.counters.bytes_dropped += size;
  finish(handle, token, result_of(error, size, 0));
  return token == 0 ? send_refused : completion_follows;
}

std::size_t StreamBackend::queue_send(Handle& handle, std::uint32_t token, std::span<const Bytes> parts,
                                      std::size_t taken, std::int32_t flags) {
  const std::size_t size = size_of(parts);
  const auto left = static_cast<std::uint32_t>(size - taken);
  if (token == 0 && left == 0) return 0;
  parts_.counters.bytes_queued += left;
  Operation* last = handle.sends.last();
  const bool joins = token == 0 && last && last->token == 0 && last->opcode == Opcode::send &&
                     last->in_flight == 0 && last->bytes.size() + left <= join_up_to;
  if (!joins) {
    last = &make_operation(handle, handle.sends, token, Opcode::send);
    last->size = static_cast<std::uint32_t>(size);
    last->done = static_cast<std::uint32_t>(taken);
  }
  append_from(last->bytes, parts, taken);
  await_room(handle);
  if (token != 0) return std::max<std::size_t>(left, completion_follows);
  handle.blocked = true;
  // JavaScript asks for the sum as long as it knows of any: it hears of the first only.
  const bool knows = handle.unawaited > 0 || (flags & answered) != 0;
  handle.unawaited += left;
  if (knows) return left;
  Completion completion{};
  completion.kind = CompletionKind::blocked;
  completion.result = static_cast<std::int32_t>(left);
  emit(handle, completion);
  return left;
}

void StreamBackend::submit_shutdown(Handle& handle, std::uint32_t token) {
  // Of a connection that was reset some systems still say that it is shut down.
  const Error lost = handle.failure ? handle.failure : handle.reported;
  if (lost) return finish(&handle, token, result_of(lost, 0, 0));
  const bool waits = !handle.sends.empty() || !everything_is_out(handle);
  const Error error = waits ? Error{} : send_fin(handle);
  handle.send_ended = true;
  if (!waits && !is_shortage(error.code)) return finish(&handle, token, result_of(error, 0, 0));
  make_operation(handle, handle.sends, token, Opcode::shutdown);
  if (!waits) send_later(handle);
}

// Once only: of a connection whose FIN the peer has acknowledged some systems say that it is gone.
Error StreamBackend::send_fin(Handle& handle) {
  if (handle.fin_sent) return {};
  const Error error = sockets::shutdown_sending(handle.descriptor);
  if (!error) handle.fin_sent = handle.send_ended = true;
  return error;
}

// The OS has taken so many bytes of the sends that wait, from the first on.
void StreamBackend::taken(Handle& handle, std::size_t bytes) {
  for (Operation* operation = handle.sends.first(); operation && bytes > 0; operation = operation->next) {
    const auto part = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, operation->left()));
    taken(*operation, part);
    bytes -= part;
  }
  finish_taken(handle);
}

void StreamBackend::taken(Operation& operation, std::uint32_t bytes) {
  operation.bytes_at += bytes;
  operation.done += bytes;
  parts_.counters.bytes_sent += bytes;
  parts_.counters.bytes_queued -= bytes;
  Handle& handle = handles_.at(operation.index);
  if (operation.token == 0) handle.unawaited -= bytes;
  if (bytes > 0) peer_takes(handle);
}

// Completes the sends of which nothing is left, in their order.
void StreamBackend::finish_taken(Handle& handle) {
  while (Operation* operation = handle.sends.first()) {
    if (operation->opcode != Opcode::send || operation->left() > 0) return;
    complete(handle, handle.sends, *operation, {}, static_cast<std::int32_t>(operation->size));
  }
}

void StreamBackend::sends_are_out(Handle& handle) {
  if (handle.closing) return close(handle);
  if (!handle.blocked && !handle.notify) return;
  handle.blocked = handle.notify = false;
  Completion completion{};
  completion.kind = CompletionKind::drained;
  emit(handle, completion);
}

// Once a connection is down some systems say no more than that it cannot be sent on; their queue has told
// why.
Error StreamBackend::cause_of_loss(const Handle& handle, Error error) {
  return error.code == ErrorCode::PIPE && handle.reported ? handle.reported : error;
}

// A send found the connection gone. Bytes that the peer sent before may still be there to receive.
void StreamBackend::lost_sending(Handle& handle, Error error) {
  error = cause_of_loss(handle, error);
  handle.failure = error;
  handle.lost_in_send = true;
  handle.blocked = handle.notify = false;  // nothing drains any more
  while (Operation* operation = handle.sends.first())
    complete(handle, handle.sends, *operation, error, 0);
  if (handle.closing) return close(handle);
  handle.readable = handle.read_on = true;
  if (handle.ended || !handle.automatic) return tell_failure(handle);
  make_ready(handle);
}

void StreamBackend::tell_failure(Handle& handle) {
  if (handle.told) return;
  handle.told = true;
  Completion completion{};
  completion.kind = CompletionKind::failed;
  completion.token = handle.lost_in_send ? 1 : 0;
  completion.error = static_cast<std::int32_t>(handle.failure.code);
  completion.native = handle.failure.native;
  emit(handle, completion);
}

}  // namespace portside

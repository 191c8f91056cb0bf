// Receiving: bytes go into the receive space, and only when they are there; a connection that waits holds
// nothing.
#include <algorithm>

#include "stream_backend.h"

namespace portside {

bool StreamBackend::wants_to_receive(const Handle& handle) const {
  return !handle.ended && (handle.automatic || !handle.waiting.empty());
}

void StreamBackend::submit_receive(Handle& handle, const Submission& submission) {
  if (handle.ended) {
    Completion nothing_more{};
    if (!handle.orderly) {
      nothing_more.error = static_cast<std::int32_t>(handle.failure.code);
      nothing_more.native = handle.failure.native;
    }
    return finish(&handle, submission.token, nothing_more);
  }
  Operation& operation = make_operation(handle, handle.waiting, submission.token, Opcode::receive);
  operation.size = std::clamp<std::uint32_t>(static_cast<std::uint32_t>(submission.a), 1, receive_limit);
}

// One receive a visit: the next connection's turn comes before this one's second.
void StreamBackend::serve_receive(Handle& handle) {
  if (!can_go_ahead(handle)) return wait_for_line(handle);
  if (!parts_.received.has_room()) return;
  const std::uint32_t limit = handle.automatic ? receive_limit : handle.waiting.first()->size;
  const auto moved = receive(handle, {parts_.received.next(), limit});
  if (moved.error.code == ErrorCode::AGAIN) return nothing_more(handle);
  if (is_shortage(moved.error.code)) return receive_later(handle);
  if (moved.error.code == ErrorCode::PIPE) {
    // The peer's FIN has come, and then its reset: what was to be received is complete, sending is over.
    handle.failure = moved.error;
    return end_of_stream(handle);
  }
  if (moved.error) return lost_receiving(handle, moved.error);
  if (moved.bytes == 0) return end_of_stream(handle);
  handle.unread -= std::min(handle.unread, static_cast<std::uint32_t>(moved.bytes));
  received(handle, static_cast<std::uint32_t>(moved.bytes));
  // Less than asked for: the kernel has no more, unless it said so.
  if (moved.bytes < limit && !handle.read_on && handle.unread == 0) nothing_more(handle);
}

void StreamBackend::nothing_more(Handle& handle) {
  handle.readable = false;
  handle.unread = 0;
  await_data(handle);
}

void StreamBackend::received(Handle& handle, std::uint32_t bytes) {
  parts_.counters.bytes_received += bytes;
  Completion completion{};
  completion.result = static_cast<std::int32_t>(bytes);
  completion.offset = parts_.received.keep(bytes);
  if (handle.automatic) {
    completion.kind = CompletionKind::data;
    return emit(handle, completion, true);
  }
  Operation* operation = handle.waiting.take_first();
  parts_.operations.remove(*operation);
  finish(&handle, operation->token, completion, true);
  delete operation;
}

void StreamBackend::end_of_stream(Handle& handle) {
  if (handle.reported) handle.failure = handle.reported;
  // After a reset that a send has seen, the kernel says "end of stream" to the next receive; it is no orderly
  // end.
  // A send's EPIPE is different: this end was ready to hear the peer's FIN, which has come.
  if (handle.failure && handle.failure.code != ErrorCode::PIPE) return lost_receiving(handle, handle.failure);
  handle.ended = handle.orderly = true;
  while (Operation* operation = handle.waiting.first())
    complete(handle, handle.waiting, *operation, {}, 0);
  if (!handle.automatic) return;
  Completion completion{};
  completion.kind = CompletionKind::end;
  emit(handle, completion);
  // What was written and could not be sent any more is lost all the same.
  if (handle.lost_in_send) tell_failure(handle);
}

// The connection is gone. Everything that waits hears why, and so does everything that comes after.
void StreamBackend::lost_receiving(Handle& handle, Error error) {
  handle.failure = error;
  handle.ended = true;
  for (auto* list : {&handle.waiting, &handle.sends}) {
    while (Operation* operation = list->first())
      complete(handle, *list, *operation, error, 0);
  }
  if (handle.closing) return close(handle);
  if (handle.automatic) tell_failure(handle);
}

}  // namespace portside

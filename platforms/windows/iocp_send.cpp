// Sends that the OS did not take at once: in pieces, several of them posted, each from the operation's own
// memory, which stays until the kernel has given the piece back.
#include <algorithm>
#include <utility>

#include "../../native/engine/check.h"
#include "iocp_backend.h"
#include "shortage.h"
#include "windows_sockets.h"
#include "wine.h"

namespace portside {
namespace {

constexpr std::uint32_t piece_size = 64 * 1024;
constexpr std::uint16_t most_posted = 4;

// Without a buffer below, the wire is only kept busy by what is posted here.
constexpr std::uint16_t most_posted_unbuffered = 16;

// When memory is short, what is locked shrinks.
constexpr std::uint32_t small_piece_size = 4 * 1024;
constexpr std::uint16_t most_posted_when_short = 1;

std::uint16_t limit_of(const HandleExtension& extension) {
  if (extension.short_of_memory) return most_posted_when_short;
  if (sends_come_back_untouched() && !extension.unbuffered) return 1;
  return extension.unbuffered ? most_posted_unbuffered : most_posted;
}

// The first of the queue that the kernel does not have whole.
Operation* next_to_post(const StreamHandle& handle) {
  Operation* operation = handle.sends.first();
  while (operation != nullptr && operation->posted > 0 && operation->left() == operation->posted)
    operation = operation->next;
  return operation;
}

}  // namespace

bool IocpBackend::everything_is_out(const Handle& handle) const {
  return handle.extension->sends == 0 && handle.extension->postponed == nullptr;
}

void IocpBackend::serve_sends(Handle& handle) {
  HandleExtension& extension = *handle.extension;
  while (Operation* operation = next_to_post(handle)) {
    const bool is_first = operation == handle.sends.first();
    if (operation->opcode == Opcode::shutdown) {
      // The FIN comes after all bytes.
      if (!is_first || !everything_is_out(handle)) break;
      const Error error = send_fin(handle);
      if (is_shortage(error.code)) return send_later(handle);
      complete(handle, handle.sends, *operation, error, 0);
    } else if (operation->left() == 0) {
      if (!is_first) break;
      finish_taken(handle);
    } else if (extension.postponed || extension.sends >= limit_of(extension) ||
               !post_send(extension, *operation)) {
      break;
    }
  }
  handle.writable = handle.sends.empty() && everything_is_out(handle) && !extension.unbuffered;
  if (handle.sends.empty()) sends_are_out(handle);
}

// False when there is no point in posting more now.
bool IocpBackend::post_send(HandleExtension& extension, Operation& operation) {
  const auto most = extension.short_of_memory ? small_piece_size : piece_size;
  const auto size = std::min(most, operation.left() - operation.posted);
  auto* bytes = operation.bytes.data() + operation.bytes_at + operation.posted;
  operation.posted += size;
  operation.in_flight++;
  return post(*new SendRequest(&extension, &operation, bytes, size));
}

bool IocpBackend::post(SendRequest& request) {
  HandleExtension& extension = *request.extension;
  static_cast<OVERLAPPED&>(request) = {};
  WSABUF buffer{request.size, reinterpret_cast<char*>(request.bytes)};
  request.number = ++extension.last_posted;
  count_send(extension, 1);
  const bool done = !shortage::strikes() && ::WSASend(sockets::socket_of(extension.descriptor), &buffer, 1,
                                                      nullptr, 0, &request, nullptr) == 0;
  const int refused = done ? 0 : ::WSAGetLastError();
  if (refused == WSA_IO_PENDING || (refused == 0 && !extension.skips)) return true;
  const Error error = refused == 0 ? Error{} : error_of(refused);
  if (!is_refusal(error.code)) {
    end_at_once(request, {error, error ? 0 : request.size});
    return !error;
  }
  count_send(extension, -1);
  postpone(request);
  return false;
}

void IocpBackend::count_send(HandleExtension& extension, int by) {
  extension.sends = static_cast<std::uint16_t>(extension.sends + by);
  parts_.counters.posted_sends += static_cast<std::uint32_t>(by);
  by > 0 ? begin(extension) : not_begun(extension);
}

void IocpBackend::send_came(SendRequest& request, const Ended& ended) {
  HandleExtension& extension = *request.extension;
  Operation& operation = *request.operation;
  extension.sends--;
  parts_.counters.posted_sends--;
  operation.posted -= ended.bytes;
  if (!operation.completed) {
    taken(operation, ended.bytes);
  } else {
    parts_.counters.bytes_sent += ended.bytes;
  }
  request.bytes += ended.bytes;
  request.size -= ended.bytes;
  Error error = ended.error;
  if (!error) extension.short_of_memory = false;
  if (request.size > 0) {
    // Once posted it is promised, whoever still waits for it; but behind a later piece it would come too
    // late.
    const bool is_last = request.number == extension.last_posted && extension.postponed == nullptr;
    const bool may_follow = is_last && extension.descriptor >= 0 && !extension.torn;
    if (may_follow && is_refusal(error.code)) return postpone(request);
    if (may_follow && !error) return static_cast<void>(post(request));
    if (!error) error = {ErrorCode::CONNRESET, 0};
    tear(extension);
  }
  discard(request);
  go_on_sending(extension, error);
}

// Nothing may arrive behind the hole, nor the end of the stream.
void IocpBackend::tear(HandleExtension& extension) {
  if (std::exchange(extension.torn, true) || extension.descriptor < 0) return;
  sockets::prepare_reset(extension.descriptor);
  cancel_requests(extension);
}

// What is left of it goes nowhere.
void IocpBackend::discard(SendRequest& request) {
  Operation* operation = request.operation;
  operation->posted -= request.size;
  operation->in_flight--;
  delete &request;
  if (operation->completed && operation->in_flight == 0) delete operation;
}

void IocpBackend::go_on_sending(HandleExtension& extension, Error error) {
  if (extension.handle == nullptr) {
    if (!extension.lingers) return;
    // A peer that reads, however slowly, is waited for.
    if (!error) extension.deadline = parts_.now + linger_time;
    if (!error && (extension.sends > 0 || extension.postponed)) return;
    linger_no_more(extension);
    return close_now(extension);
  }
  Handle& handle = *extension.handle;
  if (error) return send_failed(handle, error);
  finish_taken(handle);
  serve_sends(handle);
}

void IocpBackend::send_failed(Handle& handle, Error error) {
  error = sockets::error_of_stream(error);
  if (error.code == ErrorCode::CANCELED) error.code = ErrorCode::CONNRESET;
  if (!handle.failure || !handle.sends.empty()) lost_sending(handle, handle.failure ? handle.failure : error);
}

// --- want of memory ---

void IocpBackend::postpone(SendRequest& request) {
  PORTSIDE_CHECK(request.extension->postponed == nullptr);
  request.extension->postponed = &request;
  if (request.extension->handle != nullptr) {
    request.extension->short_of_memory = true;
    return try_again_later(*request.extension->handle);
  }
  parts_.counters.retries++;  // it lingers, and is looked at
}

void IocpBackend::post_postponed(HandleExtension& extension) {
  if (extension.postponed == nullptr) return;
  SendRequest& request = *std::exchange(extension.postponed, nullptr);
  // It shrinks; but what was promised when its operation was cancelled is not given back.
  if (request.size > small_piece_size && !request.operation->completed) {
    request.operation->posted -= request.size - small_piece_size;
    request.size = small_piece_size;
  }
  (void)post(request);
}

}  // namespace portside

// Sends that the OS did not take at once: in pieces, several of them posted, each from the operation's own
// memory, which stays until the kernel has given the piece back.
#include <algorithm>

#include "iocp_backend.h"
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

void IocpBackend::serve_sends(Handle& handle) {
  HandleExtension& extension = *handle.extension;
  while (Operation* operation = next_to_post(handle)) {
    const bool is_first = operation == handle.sends.first();
    if (operation->opcode == Opcode::shutdown) {
      // The FIN comes after all bytes.
      if (!is_first || extension.sends > 0) break;
      complete(handle, handle.sends, *operation, sockets::shutdown_sending(handle.descriptor), 0);
    } else if (operation->left() == 0) {
      if (!is_first) break;
      finish_taken(handle);
    } else if (extension.sends >= limit_of(extension) || !post_send(extension, *operation)) {
      break;
    }
  }
  const bool all_out = handle.sends.empty() && extension.sends == 0;
  handle.writable = all_out && !extension.unbuffered;
  if (handle.sends.empty()) sends_are_out(handle);
}

// False when there is no point in posting more now.
bool IocpBackend::post_send(HandleExtension& extension, Operation& operation) {
  const auto most = extension.short_of_memory ? small_piece_size : piece_size;
  const auto size = std::min(most, operation.left() - operation.posted);
  auto* request = new SendRequest(&extension, &operation, size);
  auto* bytes = operation.bytes.data() + operation.bytes_at + operation.posted;
  WSABUF buffer{size, reinterpret_cast<char*>(bytes)};
  operation.posted += size;
  operation.in_flight++;
  extension.sends++;
  parts_.counters.posted_sends++;
  begin(extension);
  const int result =
      ::WSASend(sockets::socket_of(extension.descriptor), &buffer, 1, nullptr, 0, request, nullptr);
  const int refused = result == 0 ? 0 : ::WSAGetLastError();
  if (refused == WSA_IO_PENDING || (refused == 0 && !extension.skips)) return true;
  const Error error = refused == 0 ? Error{} : error_of(refused);
  if (!is_shortage(error.code)) {
    end_at_once(*request, {error, error ? 0 : size});
    return !error;
  }
  not_begun(extension);
  unpost(*request);
  delete request;
  try_again_later(*extension.handle);
  return false;
}

void IocpBackend::unpost(SendRequest& request) {
  request.operation->posted -= request.size;
  request.operation->in_flight--;
  request.extension->sends--;
  parts_.counters.posted_sends--;
}

void IocpBackend::send_came(SendRequest& request, const Ended& ended) {
  HandleExtension& extension = *request.extension;
  Operation& operation = *request.operation;
  const bool cut_short = !ended.error && ended.bytes < request.size;
  unpost(request);
  delete &request;
  if (operation.completed) {
    parts_.counters.bytes_sent += ended.bytes;
    if (operation.in_flight == 0) delete &operation;
  } else if (!ended.error || ended.bytes > 0) {
    taken(operation, ended.bytes);
  }
  if (extension.handle == nullptr) {
    if (!extension.lingers || extension.sends > 0) return;
    linger_no_more(extension);
    return close_now(extension);
  }
  Handle& handle = *extension.handle;
  // What is posted behind it would leave a hole in the stream.
  if (ended.error || (cut_short && extension.sends > 0)) return send_failed(handle, ended.error);
  extension.short_of_memory = false;
  finish_taken(handle);
  serve_sends(handle);
}

void IocpBackend::send_failed(Handle& handle, Error error) {
  if (is_shortage(error.code) && handle.extension->sends == 0) return try_again_later(handle);
  if (!error || error.code == ErrorCode::CONNABORTED || error.code == ErrorCode::CANCELED) {
    error.code = ErrorCode::CONNRESET;
  }
  if (!handle.failure) lost_sending(handle, error);
}

void IocpBackend::try_again_later(Handle& handle) {
  handle.extension->short_of_memory = true;
  parts_.counters.retries++;
  short_of_memory_.push_back({handle.index, handle.generation});
  need_housekeeping();
}

}  // namespace portside

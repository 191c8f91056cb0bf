// Connecting, and receiving. While nothing comes, a connection has a receive of no bytes posted: the kernel
// tells when there is something, and holds no memory of ours until then. What is there is received at once,
// straight to where JavaScript reads it.
#include <algorithm>
#include <utility>

#include "extension_functions.h"
#include "iocp_backend.h"
#include "shortage.h"
#include "windows_address.h"
#include "windows_sockets.h"
#include "wine.h"

namespace portside {

Error IocpBackend::start_connecting(Handle& handle, const ConnectParameters& parameters) {
  HandleExtension& extension = *handle.extension;
  extension.unbuffered = parameters.settings.unbuffered_sends;
  SocketAddress to;
  if (const Error error = to_socket_address(parameters.address, to)) return error;
  const auto* functions = extension_functions(to.storage.ss_family);
  if (functions == nullptr) return {ErrorCode::NOBUFS, 0};
  extension.waiting.kind = RequestKind::connect;
  begin(extension);
  const BOOL done = functions->connect_ex(sockets::socket_of(extension.descriptor), to.get(), to.size,
                                          nullptr, 0, nullptr, &extension.waiting);
  if (done) {
    if (extension.skips) end_at_once(extension.waiting, {});
    return {};
  }
  if (::WSAGetLastError() == WSA_IO_PENDING) return {};
  not_begun(extension);
  return error_of(::WSAGetLastError());
}

void IocpBackend::connect_came(HandleExtension& extension, const Ended& ended) {
  if (extension.handle == nullptr) return;
  extension.failure = ended.error;
  extension.handle->writable = true;
  make_ready(*extension.handle);
}

void IocpBackend::serve_connecting(Handle& handle) {
  HandleExtension& extension = *handle.extension;
  extension.waiting.kind = RequestKind::data;
  Error error = std::exchange(extension.failure, {});
  if (!error) error = sockets::update_context(handle.descriptor, SO_UPDATE_CONNECT_CONTEXT);
  connected(handle, error);
  if (!handle.closed) establish(handle);
}

void IocpBackend::establish(Handle& handle) {
  HandleExtension& extension = *handle.extension;
  handle.writable = !extension.unbuffered;
  handle.readable = extension.first != nullptr;
  if (!handle.readable) await_data(handle);
  make_ready(handle);
}

// --- receiving ---

sockets::Moved IocpBackend::receive(Handle& handle, std::span<std::uint8_t> into) {
  HandleExtension& extension = *handle.extension;
  if (FirstBytes* first = extension.first.get()) {
    const auto size = std::min(into.size(), first->bytes.size() - first->at);
    std::copy_n(first->bytes.data() + first->at, size, into.data());
    first->at += size;
    if (first->at == first->bytes.size()) extension.first.reset();
    return {size, {}};
  }
  const auto moved = sockets::receive(handle.descriptor, into);
  if (is_shortage(moved.error.code)) {
    extension.short_of_memory = true;
    return moved;
  }
  if (!moved.error && moved.bytes > 0) return moved;
  // Behind the last byte lies what the wait for data, or a send, has found: the first cause, whatever is said
  // now.
  if (extension.failure) return {0, extension.failure};
  if (moved.error && handle.failure) return {0, handle.failure};
  const bool may_be_reset = !moved.error && resets_look_like_the_end() && !handle.send_ended;
  if (may_be_reset && sockets::is_gone(handle.descriptor)) return {0, error_of(WSAECONNRESET)};
  return moved;
}

void IocpBackend::await_data(Handle& handle) {
  HandleExtension& extension = *handle.extension;
  if (extension.awaiting || handle.receive_later) return;
  static_cast<OVERLAPPED&>(extension.waiting) = {};
  WSABUF none{0, nullptr};
  DWORD flags = 0;
  begin(extension);
  awaits(extension, true);
  const bool done = !shortage::strikes() && ::WSARecv(sockets::socket_of(handle.descriptor), &none, 1,
                                                      nullptr, &flags, &extension.waiting, nullptr) == 0;
  const int refused = done ? 0 : ::WSAGetLastError();
  if (refused == WSA_IO_PENDING || (refused == 0 && !extension.skips)) return;
  not_begun(extension);
  const Error error = refused == 0 ? Error{} : error_of(refused);
  data_came(extension, {error, 0});
}

void IocpBackend::awaits(HandleExtension& extension, bool on) {
  if (extension.awaiting == on) return;
  extension.awaiting = on;
  on ? parts_.counters.posted_receives++ : parts_.counters.posted_receives--;
}

void IocpBackend::data_came(HandleExtension& extension, const Ended& ended) {
  awaits(extension, false);
  if (extension.handle == nullptr) return;
  Handle& handle = *extension.handle;
  if (is_refusal(ended.error.code)) {
    extension.short_of_memory = true;
    return receive_later(handle);
  }
  // What was found first stands: a later wait may find nothing any more.
  if (ended.error && ended.error.code != ErrorCode::CANCELED && !extension.failure) {
    extension.failure = handle.reported = sockets::error_of_stream(ended.error);
    if (extension.sends > 0 && resets_may_miss_sends()) cancel_requests(extension);
  }
  handle.readable = true;
  make_ready(handle);
}

}  // namespace portside

// Accepting: a pool of AcceptEx is always posted, so that a connection never has to wait for us. It holds the
// low watermark of them, and more, up to the high one, when connections come faster.
#include <algorithm>
#include <utility>

#include "../../native/engine/clock.h"
#include "extension_functions.h"
#include "iocp_backend.h"
#include "shortage.h"
#include "windows_sockets.h"

namespace portside {
namespace {

// A connection that is broken before it is accepted costs a try; so many in a row are enough.
constexpr unsigned most_broken = 64;

// A pool that nothing has asked for more in so many milliseconds shrinks, as its accepts are used up.
constexpr std::uint64_t calm_after = 1000;

// What came with the connection itself.
constexpr std::uint32_t first_bytes = 4096;

}  // namespace

Error IocpBackend::open_pool(Handle& handle) {
  auto* pool = new AcceptPool(handle.descriptor);
  pool->handle = &handle;
  handle.extension = pool;
  pools_.push_back(pool);
  const auto& settings = handle.listener->parameters.accepting;
  pool->target = settings.low;
  pool->family = handle.listener->parameters.address.is_ipv6 ? AF_INET6 : AF_INET;
  pool->functions = extension_functions(pool->family);
  if (pool->functions == nullptr) return {ErrorCode::NOBUFS, 0};
  const SOCKET socket = sockets::socket_of(handle.descriptor);
  // Every accept brings its packet, also one that is done at once.
  if (const Error error = port_.associate(socket)) return error;
  if (const Error error = pool->watch.open(socket, port_, pool->more)) return error;
  top_up(handle);
  if (settings.with_data) need_housekeeping();
  return {};
}

void IocpBackend::close_pool(AcceptPool& pool) {
  std::erase(pools_, &pool);
  // A packet that is on its way is waited for as every request is.
  if (pool.watch.close()) begin(pool);
  // As the OS does with a backlog: those that nobody has asked for are refused, as are those whose packet was
  // not taken yet.
  while (AcceptRequest* request = pool.accepted.take_first()) {
    refuse(pool, *request);
    delete request;
  }
  for (AcceptRequest* request = pool.posted.first(); request != nullptr; request = request->next) {
    std::uint32_t seconds = 0;
    if (request->accepted >= 0 && sockets::connected_for(request->accepted, seconds)) refuse(pool, *request);
  }
  for (const int descriptor : pool.spare)
    sockets::close(descriptor);
  close_now(pool);
}

void IocpBackend::refuse(AcceptPool& pool, AcceptRequest& request) {
  const int client = std::exchange(request.accepted, -1);
  // Without its context the socket does not know that it is connected, and could not be reset.
  (void)sockets::update_context(client, SO_UPDATE_ACCEPT_CONTEXT, pool.descriptor);
  sockets::prepare_reset(client);
  sockets::close(client);
}

// --- the pool ---

void IocpBackend::top_up(Handle& handle) {
  auto& pool = static_cast<AcceptPool&>(*handle.extension);
  unsigned broken = 0;
  while (!handle.listener->active() && pool.posted_count + pool.accepted_count < pool.target) {
    const Error error = post_accept(pool, handle.listener->parameters.accepting);
    if (!error) {
      accepting_works(handle);
      continue;
    }
    if (error.code == ErrorCode::CONNRESET && ++broken < most_broken) continue;
    if (pool.posted_count + pool.accepted_count > 0) return;  // fewer than there should be, but some
    handle.readable = true;                                   // to be tried again
    return pause_accepting(handle, error);
  }
}

Error IocpBackend::post_accept(AcceptPool& pool, const AcceptSettings& settings) {
  int socket = -1;
  if (pool.spare.empty()) {
    const auto made = sockets::open_socket(pool.family);
    if (made.error) return made.error;
    socket = made.descriptor;
    bool skips = false;
    if (const Error error = enlist(socket, skips)) {
      sockets::close(socket);
      return error;
    }
    pool.accepted_skip = skips;
  } else {
    socket = pool.spare.back();
    pool.spare.pop_back();
  }
  auto* request = new AcceptRequest(&pool, socket, settings.with_data ? first_bytes : 0);
  request->posted_at = milliseconds_now();
  begin(pool);
  DWORD bytes = 0;
  const bool done =
      !shortage::strikes() &&
      pool.functions->accept_ex(sockets::socket_of(pool.descriptor), sockets::socket_of(socket),
                                request->buffer.data(), request->data_size, AcceptRequest::address_size,
                                AcceptRequest::address_size, &bytes, request);
  if (!done && ::WSAGetLastError() != WSA_IO_PENDING) {
    const Error error = error_of(::WSAGetLastError());
    not_begun(pool);
    sockets::close(socket);
    delete request;
    return error;
  }
  pool.posted.append(*request);
  pool.posted_count++;
  parts_.counters.posted_accepts++;
  if (settings.with_data) parts_.counters.receive_buffers++;
  return {};
}

void IocpBackend::accept_came(AcceptRequest& request, const Ended& ended) {
  auto& pool = static_cast<AcceptPool&>(*request.extension);
  pool.posted.remove(request);
  pool.posted_count--;
  parts_.counters.posted_accepts--;
  if (request.data_size > 0) parts_.counters.receive_buffers--;
  const bool dropped = request.accepted < 0;
  if (ended.error || pool.handle == nullptr || dropped) {
    if (!dropped) sockets::close(request.accepted);
    delete &request;
    if (pool.handle != nullptr) accept_failed(*pool.handle, dropped ? Error{} : ended.error);
    return;
  }
  pool.failures = 0;
  const auto low = pool.handle->listener->parameters.accepting.low;
  if (pool.target > low && parts_.now >= pool.calm_at) {
    pool.target = std::max(low, pool.target / 2);
    pool.calm_at = parts_.now + calm_after;
  }
  request.data = ended.bytes;
  pool.accepted.append(request);
  pool.accepted_count++;
  pool.handle->readable = true;
  make_ready(*pool.handle);
  top_up(*pool.handle);
}

// A connection that broke costs nothing; what fails again and again is not asked for again at once.
void IocpBackend::accept_failed(Handle& handle, Error error) {
  auto& pool = static_cast<AcceptPool&>(*handle.extension);
  const bool pauses = is_refusal(error.code) || (error && ++pool.failures >= most_broken);
  if (!pauses) return top_up(handle);
  if (handle.listener->active()) return;
  if (pool.posted_count + pool.accepted_count > 0) return need_housekeeping();  // which fills it up
  pool.failures = 0;
  handle.readable = true;  // to be tried again
  pause_accepting(handle, error);
}

// Connections wait in the backlog, and no accept waited for them.
void IocpBackend::more_wanted(AcceptPool& pool) {
  if (pool.handle == nullptr) return not_begun(pool);
  pool.watch.heard(sockets::socket_of(pool.descriptor));
  const auto high = pool.handle->listener->parameters.accepting.high;
  pool.target = std::min(high, pool.target * 2);
  pool.calm_at = parts_.now + calm_after;
  if (pool.handle->listener->parameters.accepting.with_data) need_housekeeping();
  top_up(*pool.handle);
}

// An accept that waits for data is held by a client that says nothing. False when there is nothing to come
// back for.
bool IocpBackend::drop_silent(AcceptPool& pool) {
  const auto& settings = pool.handle->listener->parameters.accepting;
  if (!settings.with_data) return false;
  for (AcceptRequest* request = pool.posted.first(); request != nullptr; request = request->next) {
    // What was said before the housekeeping began is known by now, unless this was posted too late to say so.
    if (request->posted_at + housekeeping_period > house_begun_at_) continue;
    std::uint32_t seconds = 0;
    if (request->accepted < 0 || !sockets::connected_for(request->accepted, seconds)) continue;
    const auto since = milliseconds_now() - house_begun_at_;
    if (std::uint64_t{seconds} * 1000 < settings.timeout + since) continue;
    parts_.counters.accepts_timed_out++;
    // Either ends it: the first is what AcceptEx's documentation says, the second works under Wine.
    sockets::close(std::exchange(request->accepted, -1));
    (void)::CancelIoEx(sockets::handle_of(pool.descriptor), request);
  }
  return true;
}

// --- handing them on ---

void IocpBackend::serve_listener(Handle& handle) {
  auto& pool = static_cast<AcceptPool&>(*handle.extension);
  while (!pool.accepted.empty() && wants_to_accept(handle) && can_go_ahead(handle)) {
    AcceptRequest* request = pool.accepted.take_first();
    pool.accepted_count--;
    establish_accepted(handle, *request);
    delete request;
  }
  top_up(handle);
  handle.readable = !pool.accepted.empty() || handle.listener->active();
}

void IocpBackend::establish_accepted(Handle& listener, AcceptRequest& request) {
  const auto& parameters = listener.listener->parameters;
  Error error = sockets::update_context(request.accepted, SO_UPDATE_ACCEPT_CONTEXT, listener.descriptor);
  // What was set before the connection came is lost.
  if (!error) error = sockets::apply(request.accepted, parameters.settings);
  // One that is used again keeps what its former connection was given.
  if (!error && parameters.accepting.reuse_sockets)
    error = sockets::apply_off(request.accepted, parameters.settings);
  if (error) return sockets::close(request.accepted);  // the client is gone already
  Handle& accepted = add_handle(request.accepted, HandleKind::stream);
  accepted.automatic = listener.automatic;
  auto* extension = new HandleExtension(request.accepted);
  extension->handle = &accepted;
  extension->skips = static_cast<AcceptPool&>(*listener.extension).accepted_skip;
  extension->unbuffered = parameters.settings.unbuffered_sends;
  if (parameters.accepting.reuse_sockets) extension->listener = {listener.index, listener.generation};
  if (request.data > 0) {
    request.buffer.resize(request.data);
    extension->first = std::make_unique<FirstBytes>(FirstBytes{std::move(request.buffer)});
  }
  accepted.extension = extension;
  PackedAddress peer;
  if (!sockets::remote_end(request.accepted, peer)) remember_peer(accepted, peer);
  parts_.counters.accepted++;
  announce_accepted(listener, accepted);
  establish(accepted);
}

}  // namespace portside

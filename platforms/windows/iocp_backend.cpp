#include "iocp_backend.h"

#include <utility>

#include "../../native/engine/check.h"
#include "../../native/engine/clock.h"
#include "extension_functions.h"
#include "windows_errors.h"
#include "windows_sockets.h"
#include "wine.h"

namespace portside {
namespace {

// Windows counts in seconds how long a client is silent.
constexpr std::uint64_t silence_period = 1000;

// At the end everything is cancelled; a driver that does not heed it within this time (ms) keeps the memory.
constexpr std::uint64_t patience_at_the_end = 5'000;

// An NTSTATUS tells by its two highest bits whether it is an error ("Using NTSTATUS Values").
Error error_of_status(ULONG_PTR internal) {
  const auto status = static_cast<std::uint32_t>(internal);
  return status >> 30 == 3 ? error_of(static_cast<std::int32_t>(status)) : Error{};
}

}  // namespace

// --- requests ---

unsigned IocpBackend::ask_kernel() {
  const auto packets = port_.take();
  for (const auto& packet : packets) {
    note(*static_cast<Request*>(packet.lpOverlapped),
         {error_of_status(packet.lpOverlapped->Internal), packet.dwNumberOfBytesTransferred});
  }
  const auto ended = std::exchange(ended_, {});
  for (const auto& [request, end] : ended)
    note(*request, end);
  if (std::exchange(house_is_due_, false)) keep_house();
  return static_cast<unsigned>(packets.size() + ended.size());
}

void IocpBackend::begin(HandleExtension& extension) {
  extension.outstanding++;
  outstanding_++;
}

void IocpBackend::not_begun(HandleExtension& extension) {
  extension.outstanding--;
  outstanding_--;
}

void IocpBackend::note(Request& request, const Ended& ended) {
  if (request.kind == RequestKind::house) {
    outstanding_--;
    house_is_begun_ = false;
    house_is_due_ = true;
    return;
  }
  HandleExtension& extension = *request.extension;
  if (request.kind == RequestKind::more_accepts) {
    more_wanted(static_cast<AcceptPool&>(extension));
    return release_if_done(extension);
  }
  not_begun(extension);
  extension.in_use = true;
  switch (request.kind) {
    case RequestKind::accept:
      accept_came(static_cast<AcceptRequest&>(request), ended);
      break;
    case RequestKind::connect:
      connect_came(extension, ended);
      break;
    case RequestKind::data:
      data_came(extension, ended);
      break;
    case RequestKind::send:
      send_came(static_cast<SendRequest&>(request), ended);
      break;
    case RequestKind::disconnect:
      disconnected(extension, ended);
      break;
    case RequestKind::more_accepts:
    case RequestKind::house:
      break;
  }
  extension.in_use = false;
  release_if_done(extension);
}

void IocpBackend::release_if_done(HandleExtension& extension) {
  const bool gone = extension.handle == nullptr && extension.descriptor < 0;
  if (gone && extension.outstanding == 0 && !extension.in_use) delete &extension;
}

// --- sockets ---

Error IocpBackend::enlist(int descriptor, bool& skips) {
  if (const Error error = port_.associate(sockets::socket_of(descriptor))) return error;
  constexpr UCHAR modes = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE;
  if (!may_skip_) may_skip_ = sockets::may_skip_packets(descriptor);
  skips = *may_skip_ && ::SetFileCompletionNotificationModes(sockets::handle_of(descriptor), modes);
  return {};
}

Error IocpBackend::associate(Handle& handle) {
  if (handle.kind == HandleKind::listener) return open_pool(handle);
  auto* extension = new HandleExtension(handle.descriptor);
  extension->handle = &handle;
  handle.extension = extension;
  return enlist(handle.descriptor, extension->skips);
}

Opened IocpBackend::listen(const ListenParameters& parameters) {
  if (parameters.accepting.reuse_sockets && reused_sockets_are_broken()) {
    return {{}, {ErrorCode::NOTSUP, 0}, "DisconnectEx"};
  }
  return StreamBackend::listen(parameters);
}

void IocpBackend::let_go(Handle& handle, bool reset) {
  HandleExtension* extension = std::exchange(handle.extension, nullptr);
  if (extension == nullptr) return sockets::close(handle.descriptor);
  extension->handle = nullptr;
  const bool at_once = reset || extension->torn;
  if (handle.kind == HandleKind::listener) {
    close_pool(static_cast<AcceptPool&>(*extension));
  } else if (!at_once && (extension->sends > 0 || extension->postponed)) {
    linger(*extension, handle.referenced);
  } else if (at_once || !use_again(*extension, handle)) {
    close_now(*extension);
  }
  release_if_done(*extension);
}

// CancelIoEx first: by closesocket() alone a send that waits for its peer would stay.
void IocpBackend::close_now(HandleExtension& extension) {
  if (extension.outstanding > 0) cancel_requests(extension);
  sockets::close(std::exchange(extension.descriptor, -1));
  if (extension.postponed) discard(*std::exchange(extension.postponed, nullptr));
}

void IocpBackend::cancel_requests(const HandleExtension& extension) {
  const HANDLE handle = sockets::handle_of(extension.descriptor);
  (void)::CancelIoEx(handle, nullptr);
  if (extension.sends > 0 && a_cancel_may_miss_sends()) (void)::CancelIoEx(handle, nullptr);
}

// Sends cannot be taken back, as nobody knows what of a cancelled one has reached the peer.
void IocpBackend::linger(HandleExtension& extension, bool keeps_alive) {
  if (extension.awaiting) (void)::CancelIoEx(sockets::handle_of(extension.descriptor), &extension.waiting);
  extension.lingers = true;
  // Not the turn's time: a program may close long after the last turn.
  extension.deadline = milliseconds_now() + linger_time;
  extension.keeps_alive = keeps_alive;
  lingering_.append(extension);
  if (keeps_alive) parts_.counters.referenced++;
  need_housekeeping();
}

void IocpBackend::give_up_lingering(HandleExtension& extension) {
  linger_no_more(extension);
  sockets::prepare_reset(extension.descriptor);
  close_now(extension);
  release_if_done(extension);
}

void IocpBackend::linger_no_more(HandleExtension& extension) {
  if (!std::exchange(extension.lingers, false)) return;
  lingering_.remove(extension);
  if (extension.keeps_alive) parts_.counters.referenced--;
}

// --- using sockets again ---

bool IocpBackend::use_again(HandleExtension& extension, const Handle& handle) {
  const Handle* listener = find(extension.listener);
  // Only after the peer's FIN: otherwise the socket would stay in TIME_WAIT for minutes.
  if (!listener || !handle.orderly || extension.outstanding > 0) return false;
  const auto* functions = static_cast<AcceptPool&>(*listener->extension).functions;
  extension.waiting.kind = RequestKind::disconnect;
  begin(extension);
  const BOOL done = functions->disconnect_ex(sockets::socket_of(extension.descriptor), &extension.waiting,
                                             TF_REUSE_SOCKET, 0);
  if (!done && ::WSAGetLastError() != WSA_IO_PENDING) {
    not_begun(extension);
    return false;
  }
  if (done && extension.skips) end_at_once(extension.waiting, {});
  linger(extension, false);
  return true;
}

void IocpBackend::disconnected(HandleExtension& extension, const Ended& ended) {
  if (extension.descriptor < 0) return;  // the engine ends
  linger_no_more(extension);
  const int descriptor = std::exchange(extension.descriptor, -1);
  Handle* listener = find(extension.listener);
  if (ended.error || !listener) return sockets::close(descriptor);
  auto& pool = static_cast<AcceptPool&>(*listener->extension);
  if (pool.spare.size() >= listener->listener->parameters.accepting.high) return sockets::close(descriptor);
  pool.spare.push_back(descriptor);
}

// --- what no packet tells of ---

void IocpBackend::need_housekeeping() {
  const auto due = parts_.now + housekeeping_period;
  if (house_is_begun_ || house_is_due_ || (housekeeping_.active() && housekeeping_.expiry <= due)) return;
  if (housekeeping_.active()) parts_.timers.stop(housekeeping_);  // it looks after silent clients only
  parts_.timers.start(housekeeping_, due);
}

void IocpBackend::expired(Timer& timer) {
  if (&timer != &housekeeping_) return StreamBackend::expired(timer);
  begin_housekeeping();
}

// Not at once: what it looks for may have come long ago, and its packet stand in the queue. A packet of our
// own comes behind these.
void IocpBackend::begin_housekeeping() {
  PORTSIDE_CHECK(!house_is_begun_ && !house_is_due_);
  house_begun_at_ = milliseconds_now();
  if (!port_.post(&house_)) return need_housekeeping();
  house_is_begun_ = true;
  outstanding_++;
}

void IocpBackend::keep_house() {
  const bool lingers = look_at_lingering();
  bool listens = false;
  for (AcceptPool* pool : pools_) {
    listens |= drop_silent(*pool);
    top_up(*pool->handle);
  }
  if (housekeeping_.active() || (!lingers && !listens)) return;
  parts_.timers.start(housekeeping_, parts_.now + (lingers ? housekeeping_period : silence_period));
}

bool IocpBackend::look_at_lingering() {
  for (HandleExtension* extension = lingering_.first(); extension != nullptr;) {
    HandleExtension* next = extension->next;
    post_postponed(*extension);
    if (extension->deadline <= parts_.now) give_up_lingering(*extension);
    extension = next;
  }
  return !lingering_.empty();
}

void IocpBackend::try_again(Handle& handle) {
  handle.send_later = false;
  const bool receives = handle.receive_later;
  handle.receive_later = false;
  if (receives) await_data(handle);
  post_postponed(*handle.extension);
  serve_sends(handle);
  if (!handle.closed) make_ready(handle);
}

// --- the end ---

void IocpBackend::abandon() {
  StreamBackend::abandon();
  if (housekeeping_.active()) parts_.timers.stop(housekeeping_);
  while (HandleExtension* extension = lingering_.first())
    give_up_lingering(*extension);
  const auto deadline = ::GetTickCount64() + patience_at_the_end;
  while (outstanding_ > 0 && ::GetTickCount64() < deadline) {
    for (const auto& [request, end] : std::exchange(ended_, {}))
      note(*request, end);
    if (outstanding_ == 0) break;
    for (const auto& packet : port_.take(100))
      note(*static_cast<Request*>(packet.lpOverlapped), {canceled, packet.dwNumberOfBytesTransferred});
  }
}

}  // namespace portside

#include "stream_backend.h"

#include <algorithm>
#include <utility>

namespace portside {
namespace {

constexpr std::uint32_t no_handle = 0xffffffff;

// Receives need not wait for ever for completions of sends.
bool is_of_sending(const Completion& completion) {
  return completion.kind == CompletionKind::blocked || completion.kind == CompletionKind::drained ||
         (completion.kind == CompletionKind::operation && completion.offset == of_sending);
}

// Only JavaScript of somebody else's confuses them.
bool is_for(HandleKind kind, Opcode opcode) {
  switch (opcode) {
    case Opcode::accept:
    case Opcode::start_accept:
      return kind == HandleKind::listener;
    case Opcode::receive:
    case Opcode::start_receive:
    case Opcode::stop_receive:
    case Opcode::send:
    case Opcode::shutdown:
      return kind == HandleKind::stream;
    default:
      return true;
  }
}

// Visits of one drain beyond those that were due at its start: a busy connection is served again, not for
// ever.
constexpr unsigned extra_visits = 64;

}  // namespace

StreamBackend::StreamBackend(EngineParts parts) : parts_(parts) {}

void StreamBackend::abandon() {
  if (memory_timer_.active()) parts_.timers.stop(memory_timer_);
  handles_.each([this](Handle& handle) {
    for (auto* list : {&handle.waiting, &handle.sends}) {
      while (Operation* operation = list->take_first()) {
        parts_.operations.remove(*operation);
        portside::dispose(operation);
      }
    }
    drop(handle, true);
  });
}

// --- handles ---

StreamHandle* StreamBackend::find(HandleId id) {
  Handle* handle = handles_.find(id);
  return handle && !handle->closed ? handle : nullptr;
}

StreamHandle& StreamBackend::add_handle(int descriptor, HandleKind kind) {
  Handle& handle = handles_.add();
  handle.descriptor = descriptor;
  handle.kind = kind;
  parts_.counters.handles++;
  parts_.counters.referenced++;
  return handle;
}

template <typename State>
void StreamBackend::dispose(State* state) {
  if (state && state->active()) parts_.timers.stop(*state);
  delete state;
}

// Gives back what the OS lent. The slot stays until JavaScript has heard that the handle is closed.
void StreamBackend::drop(Handle& handle, bool reset) {
  if (handle.queued) ready_.remove(handle);
  handle.queued = false;
  if (handle.descriptor >= 0) let_go(handle, reset);
  handle.descriptor = -1;
  if (handle.kind == HandleKind::listener) {
    std::erase(short_listeners_, handle.index);
    dispose(std::exchange(handle.listener, nullptr));
  } else if (handle.kind == HandleKind::stream) {
    dispose(std::exchange(handle.flushing, nullptr));
  }
}

// For a handle of which JavaScript never heard.
void StreamBackend::forget(Handle& handle) {
  drop(handle, true);
  parts_.counters.handles--;
  if (handle.referenced) parts_.counters.referenced--;
  forget_ends(handle);
  handles_.remove(handle);
}

void StreamBackend::close(Handle& handle, bool reset) {
  cancel_all(handle, handle.waiting);
  cancel_all(handle, handle.sends);
  Completion completion{};
  completion.kind = CompletionKind::closed;
  keep_ends(handle, completion);
  drop(handle, reset);
  handle.closed = true;
  parts_.counters.handles--;
  emit(handle, completion);
  retry_short_listeners();
}

void StreamBackend::reset(Handle& handle) {
  if (handle.kind == HandleKind::stream) sockets::prepare_reset(handle.descriptor);
  close(handle, true);
}

void StreamBackend::passed(const Completion& completion) {
  Handle& handle = handles_.at(completion.index);
  PORTSIDE_CHECK(handle.in_line > 0);
  handle.in_line--;
  if (!is_of_sending(completion)) handle.barriers--;
  if (completion.kind == CompletionKind::closed) released_.push_back(handle.index);
}

void StreamBackend::delivered() {
  for (const auto index : released_) {
    Handle& handle = handles_.at(index);
    PORTSIDE_CHECK(handle.closed && handle.in_line == 0);
    if (handle.referenced) parts_.counters.referenced--;
    forget_ends(handle);
    handles_.remove(handle);
  }
  released_.clear();
}

// --- turns ---

unsigned StreamBackend::gather() {
  parts_.counters.polls++;
  return ask_kernel();
}

void StreamBackend::serve(unsigned brought) {
  unsigned visits = brought + extra_visits;
  while (visits-- > 0 && parts_.completions.has_room()) {
    Handle* handle = ready_.take_first();
    if (!handle) break;
    handle->queued = false;
    serve(*handle);
  }
}

bool StreamBackend::has_work(const Handle& handle) const {
  if (handle.closed) return false;
  switch (handle.kind) {
    case HandleKind::listener:
      return handle.readable && wants_to_accept(handle);
    case HandleKind::connecting:
      return handle.writable;
    case HandleKind::stream:
      return (handle.readable && wants_to_receive(handle)) || (handle.writable && !handle.sends.empty());
    case HandleKind::none:
      break;
  }
  return false;
}

void StreamBackend::make_ready(Handle& handle) {
  if (handle.queued || !has_work(handle)) return;
  handle.queued = true;
  ready_.append(handle);
}

void StreamBackend::serve(Handle& handle) {
  if (handle.kind == HandleKind::listener) {
    serve_listener(handle);
  } else if (handle.kind == HandleKind::connecting) {
    serve_connecting(handle);
  } else {
    if (handle.writable && !handle.sends.empty()) serve_sends(handle);
    if (!handle.closed && handle.readable && wants_to_receive(handle)) serve_receive(handle);
  }
  make_ready(handle);
}

// --- completions ---

// What the kernel brought may pass those in line, but for those of its own handle. For a handle whose sends
// stand in line all the time, those that do when a receive begins to wait count.
bool StreamBackend::can_go_ahead(const Handle& handle) const {
  if (!parts_.completions.has_room() || handle.barriers > 0) return false;
  return handle.in_line == 0 || (handle.turn_comes != 0 && parts_.completions.passed_by(handle.turn_comes));
}

void StreamBackend::wait_for_line(Handle& handle) const {
  if (handle.in_line > 0 && handle.turn_comes == 0) handle.turn_comes = parts_.completions.line_end();
}

void StreamBackend::emit(Handle& handle, Completion completion, bool ahead) {
  PORTSIDE_CHECK(!handle.closed || completion.kind == CompletionKind::closed);
  completion.index = handle.index;
  if (ahead) {
    PORTSIDE_CHECK(can_go_ahead(handle));
    handle.turn_comes = 0;
    parts_.completions.push_ahead(completion);
  } else if (!parts_.completions.push(completion)) {
    handle.in_line++;
    if (!is_of_sending(completion)) handle.barriers++;
    return;
  }
  if (completion.kind == CompletionKind::closed) released_.push_back(handle.index);
}

// The one completion of an operation. Without a handle (a stale one was named) it is the token's alone.
void StreamBackend::finish(Handle* handle, std::uint32_t token, Completion result, bool ahead) {
  if (token == 0) return;
  parts_.counters.completed++;
  result.token = token;
  if (result.kind == CompletionKind::none) result.kind = CompletionKind::operation;
  if (handle) {
    emit(*handle, result, ahead);
  } else {
    result.index = no_handle;
    parts_.completions.push(result);
  }
}

void StreamBackend::complete(Handle& handle, List<Operation>& list, Operation& operation, Error error,
                             std::int32_t result) {
  list.remove(operation);
  parts_.operations.remove(operation);
  parts_.counters.bytes_queued -= operation.left();
  if (operation.token == 0 && error) parts_.counters.bytes_dropped += operation.left();
  if (operation.token == 0) handle.unawaited -= operation.left();
  Completion completion{};
  completion.result = result;
  completion.error = static_cast<std::int32_t>(error.code);
  completion.native = error.native;
  // What the OS is about to take is taken: it cannot be had back.
  completion.bytes_sent = operation.done + operation.posted;
  if (operation.opcode == Opcode::send || operation.opcode == Opcode::shutdown)
    completion.offset = of_sending;
  finish(&handle, operation.token, completion);
  portside::dispose(&operation);
}

Operation& StreamBackend::make_operation(Handle& handle, List<Operation>& list, std::uint32_t token,
                                         Opcode opcode) {
  auto* operation = new Operation;
  operation->token = token;
  operation->opcode = opcode;
  operation->index = handle.index;
  parts_.operations.put(*operation);
  list.append(*operation);
  return *operation;
}

void StreamBackend::cancel_all(Handle& handle, List<Operation>& list) {
  while (Operation* operation = list.first())
    complete(handle, list, *operation, canceled, 0);
}

void StreamBackend::cancel(Operation& operation) {
  Handle& handle = handles_.at(operation.index);
  if (operation.opcode == Opcode::send || operation.opcode == Opcode::shutdown) {
    const bool was_shutdown = operation.opcode == Opcode::shutdown;
    complete(handle, handle.sends, operation, canceled, 0);
    // Without its FIN the stream can still be sent on. Behind another shutdown JavaScript lets nothing in.
    if (was_shutdown) handle.send_ended = handle.fin_sent;
    if (handle.sends.empty()) sends_are_out(handle);
    return;
  }
  complete(handle, handle.waiting, operation, canceled, 0);
  if (handle.kind == HandleKind::connecting) close(handle);
}

// --- submissions ---

void StreamBackend::submit(const Submission& submission) {
  Handle* handle = find({submission.index, submission.generation});
  const bool fits = handle && is_for(handle->kind, submission.opcode);
  if (fits) return take_submission(*handle, submission);
  Completion refused{};
  refused.error = static_cast<std::int32_t>(handle ? ErrorCode::INVAL : stale_handle.code);
  finish(nullptr, submission.token, refused);
}

void StreamBackend::take_submission(Handle& handle, const Submission& submission) {
  switch (submission.opcode) {
    case Opcode::accept:
      make_operation(handle, handle.waiting, submission.token, Opcode::accept);
      break;
    case Opcode::start_accept:
    case Opcode::start_receive:
      handle.automatic = true;
      break;
    case Opcode::stop_receive:
      handle.automatic = false;
      return;
    case Opcode::receive:
      submit_receive(handle, submission);
      break;
    case Opcode::shutdown:
      return submit_shutdown(handle, submission.token);
    case Opcode::close:
      handle.automatic = false;
      if ((submission.flags & flush_first) != 0 && !handle.sends.empty()) return close_when_flushed(handle);
      return close(handle);
    case Opcode::reset:
      return reset(handle);
    default:
      return;
  }
  make_ready(handle);
}

std::size_t StreamBackend::send(HandleId id, std::uint32_t token, std::span<const Bytes> parts,
                                std::int32_t flags) {
  Handle* handle = find(id);
  const bool fits = handle && is_for(handle->kind, Opcode::send);
  if (fits) return send_on(*handle, token, parts, flags);
  return refuse_send(nullptr, token, handle ? Error{ErrorCode::INVAL, 0} : stale_handle, size_of(parts));
}

// --- the control plane ---

Opened StreamBackend::listen(const ListenParameters& parameters) {
  const auto made = sockets::make_listener(parameters);
  if (made.error) return {{}, made.error, made.syscall};
  Handle& handle = add_handle(made.descriptor, HandleKind::listener);
  handle.listener = new ListenerState;
  handle.listener->index = handle.index;
  handle.listener->parameters = parameters;
  const HandleId id{handle.index, handle.generation};
  if (const Error error = associate(handle)) {
    forget(handle);
    return {{}, error, "listen"};
  }
  return {id, {}, ""};
}

Opened StreamBackend::connect(const ConnectParameters& parameters) {
  const auto made = sockets::make_connecting(parameters);
  if (made.error) return {{}, made.error, made.syscall};
  Handle& handle = add_handle(made.descriptor, HandleKind::connecting);
  const HandleId id{handle.index, handle.generation};
  Error error = associate(handle);
  if (!error) error = start_connecting(handle, parameters);
  if (error) {
    forget(handle);
    return {{}, error, "connect"};
  }
  parts_.counters.submitted++;
  make_operation(handle, handle.waiting, parameters.token, Opcode::none);
  return {id, {}, ""};
}

// A connect to a port of this machine where nobody listens may be given that very port to connect from, and
// then meets itself: RFC 9293, 3.5, takes two SYNs that cross for a connection.
void StreamBackend::connected(Handle& handle, Error error) {
  PackedAddress here, there;
  const bool known = !error && !sockets::remote_end(handle.descriptor, there);
  if (known && !sockets::local_end(handle.descriptor, here) && here == there) {
    sockets::prepare_reset(handle.descriptor);  // its port must not stay in TIME_WAIT
    error = nobody_listens;
  }
  complete(handle, handle.waiting, *handle.waiting.first(), error, 0);
  if (error) return close(handle);
  handle.kind = HandleKind::stream;
  if (known) remember_peer(handle, there);
  parts_.counters.connected++;
}

Error StreamBackend::set_no_delay(HandleId id, bool on) {
  Handle* handle = find(id);
  return handle ? unless_gone(*handle, sockets::set_no_delay(handle->descriptor, on)) : stale_handle;
}

Error StreamBackend::set_keep_alive(HandleId id, const KeepAlive& wanted) {
  Handle* handle = find(id);
  return handle ? unless_gone(*handle, sockets::set_keep_alive(handle->descriptor, wanted)) : stale_handle;
}

Error StreamBackend::set_user_timeout(HandleId id, std::int32_t milliseconds) {
  Handle* handle = find(id);
  return handle ? unless_gone(*handle, sockets::set_user_timeout(handle->descriptor, milliseconds))
                : stale_handle;
}

bool StreamBackend::connect_has_ended(HandleId id) {
  Handle* handle = find(id);
  return !handle || handle->kind != HandleKind::connecting || has_ended(*handle);
}

// Some systems take no settings for a connection that is gone. It needs none any more, and that it is gone is
// the next receive's to say, as everywhere else.
Error StreamBackend::unless_gone(const Handle& handle, Error error) {
  switch (error.code) {
    case ErrorCode::CONNRESET:
    case ErrorCode::CONNABORTED:
    case ErrorCode::NETRESET:
    case ErrorCode::NOTCONN:
    case ErrorCode::PIPE:
    case ErrorCode::TIMEDOUT:
      return {};
    case ErrorCode::INVAL: {
      const bool ended = handle.failure || handle.reported || (handle.ended && handle.send_ended);
      return ended || sockets::is_gone(handle.descriptor) ? Error{} : error;
    }
    default:
      return error;
  }
}

void StreamBackend::set_referenced(HandleId id, bool on) {
  Handle* handle = find(id);
  if (!handle || handle->referenced == on) return;
  handle->referenced = on;
  on ? parts_.counters.referenced++ : parts_.counters.referenced--;
}

std::size_t StreamBackend::queued(HandleId id) {
  const Handle* handle = find(id);
  return handle ? static_cast<std::size_t>(handle->unawaited) : 0;
}

}  // namespace portside

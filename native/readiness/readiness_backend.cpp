#include "readiness_backend.h"

#include <algorithm>
#include <utility>

namespace portside {
namespace {

constexpr std::uint32_t no_handle = 0xffffffff;

// Visits of one drain beyond those that were due at its start: a busy connection is served again, not for
// ever.
constexpr unsigned extra_visits = 64;

std::uint64_t tag_of(const ReadinessHandle& handle) {
  return (static_cast<std::uint64_t>(handle.generation) << 32) | handle.index;
}

}  // namespace

ReadinessBackend::ReadinessBackend(std::unique_ptr<Poller> poller, EngineParts parts)
    : poller_(std::move(poller)), parts_(parts) {}

ReadinessBackend::~ReadinessBackend() = default;

Error ReadinessBackend::open() {
  return poller_->open();
}

void ReadinessBackend::abandon() {
  handles_.each([this](Handle& handle) {
    for (auto* list : {&handle.waiting, &handle.sends}) {
      while (Operation* operation = list->take_first()) {
        parts_.operations.remove(*operation);
        delete operation;
      }
    }
    drop(handle);
  });
}

// --- handles ---

ReadinessHandle* ReadinessBackend::find(HandleId id) {
  Handle* handle = handles_.find(id);
  return handle && !handle->closed ? handle : nullptr;
}

ReadinessHandle& ReadinessBackend::add_handle(int descriptor, HandleKind kind) {
  Handle& handle = handles_.add();
  handle.descriptor = descriptor;
  handle.kind = kind;
  parts_.counters.handles++;
  parts_.counters.referenced++;
  return handle;
}

Error ReadinessBackend::associate(Handle& handle) {
  const auto tag = tag_of(handle);
  return handle.kind == HandleKind::listener ? poller_->add_listener(handle.descriptor, tag)
                                             : poller_->add_stream(handle.descriptor, tag);
}

// Gives back what the OS lent. The slot stays until JavaScript has heard that the handle is closed.
void ReadinessBackend::drop(Handle& handle) {
  if (handle.queued) ready_.remove(handle);
  handle.queued = false;
  if (ListenerState* listener = std::exchange(handle.listener, nullptr)) {
    if (listener->active()) parts_.timers.stop(*listener);
    std::erase(short_listeners_, handle.index);
    delete listener;
  }
  if (handle.descriptor < 0) return;
  poller_->remove(handle.descriptor);
  sockets::close(std::exchange(handle.descriptor, -1));
}

// For a handle of which JavaScript never heard.
void ReadinessBackend::forget(Handle& handle) {
  drop(handle);
  parts_.counters.handles--;
  if (handle.referenced) parts_.counters.referenced--;
  handles_.remove(handle);
}

void ReadinessBackend::close(Handle& handle) {
  cancel_all(handle, handle.waiting);
  cancel_all(handle, handle.sends);
  drop(handle);
  handle.closed = true;
  parts_.counters.handles--;
  Completion completion{};
  completion.kind = CompletionKind::closed;
  emit(handle, completion);
  retry_short_listeners();
}

void ReadinessBackend::passed(const Completion& completion) {
  Handle& handle = handles_.at(completion.index);
  PORTSIDE_CHECK(handle.in_line > 0);
  handle.in_line--;
  if (completion.kind == CompletionKind::closed) released_.push_back(handle.index);
}

void ReadinessBackend::delivered() {
  for (const auto index : released_) {
    Handle& handle = handles_.at(index);
    PORTSIDE_CHECK(handle.closed && handle.in_line == 0);
    if (handle.referenced) parts_.counters.referenced--;
    handles_.remove(handle);
  }
  released_.clear();
}

// --- events ---

unsigned ReadinessBackend::drain() {
  parts_.counters.polls++;
  const auto events = poller_->wait();
  for (const auto& event : events)
    note(event);
  unsigned visits = static_cast<unsigned>(events.size()) + extra_visits;
  while (visits-- > 0 && parts_.completions.has_room()) {
    Handle* handle = ready_.take_first();
    if (!handle) break;
    handle->queued = false;
    serve(*handle);
  }
  return static_cast<unsigned>(events.size());
}

void ReadinessBackend::note(const ReadyEvent& event) {
  Handle* handle = find({static_cast<std::uint32_t>(event.tag), static_cast<std::uint32_t>(event.tag >> 32)});
  if (!handle) return;  // closed meanwhile
  handle->readable |= event.readable || event.hung_up;
  handle->writable |= event.writable || event.hung_up;
  handle->read_on |= event.hung_up || event.urgent;
  make_ready(*handle);
}

bool ReadinessBackend::has_work(const Handle& handle) const {
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

void ReadinessBackend::make_ready(Handle& handle) {
  if (handle.queued || !has_work(handle)) return;
  handle.queued = true;
  ready_.append(handle);
}

void ReadinessBackend::serve(Handle& handle) {
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

// What the kernel brought may pass those in line, but for those of its own handle.
bool ReadinessBackend::can_go_ahead(const Handle& handle) const {
  return handle.in_line == 0 && parts_.completions.has_room();
}

void ReadinessBackend::emit(Handle& handle, Completion completion, bool ahead) {
  PORTSIDE_CHECK(!handle.closed || completion.kind == CompletionKind::closed);
  completion.index = handle.index;
  if (ahead) {
    PORTSIDE_CHECK(can_go_ahead(handle));
    parts_.completions.push_ahead(completion);
  } else if (!parts_.completions.push(completion)) {
    handle.in_line++;
    return;
  }
  if (completion.kind == CompletionKind::closed) released_.push_back(handle.index);
}

// The one completion of an operation. Without a handle (a stale one was named) it is the token's alone.
void ReadinessBackend::finish(Handle* handle, std::uint32_t token, Completion result, bool ahead) {
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

void ReadinessBackend::complete(Handle& handle, List<Operation>& list, Operation& operation, Error error,
                                std::int32_t result) {
  list.remove(operation);
  parts_.operations.remove(operation);
  parts_.counters.bytes_queued -= operation.left();
  Completion completion{};
  completion.result = result;
  completion.error = static_cast<std::int32_t>(error.code);
  completion.native = error.native;
  completion.bytes_sent = operation.done;
  finish(&handle, operation.token, completion);
  delete &operation;
}

Operation& ReadinessBackend::make_operation(Handle& handle, List<Operation>& list, std::uint32_t token,
                                            Opcode opcode) {
  auto* operation = new Operation;
  operation->token = token;
  operation->opcode = opcode;
  operation->index = handle.index;
  parts_.operations.put(*operation);
  list.append(*operation);
  return *operation;
}

void ReadinessBackend::cancel_all(Handle& handle, List<Operation>& list) {
  while (Operation* operation = list.first())
    complete(handle, list, *operation, canceled, 0);
}

void ReadinessBackend::cancel(Operation& operation) {
  Handle& handle = handles_.at(operation.index);
  if (operation.opcode == Opcode::send || operation.opcode == Opcode::shutdown) {
    // Without its FIN the stream can still be sent on.
    if (operation.opcode == Opcode::shutdown) handle.send_ended = false;
    complete(handle, handle.sends, operation, canceled, 0);
    if (handle.sends.empty()) sends_are_out(handle);
    return;
  }
  complete(handle, handle.waiting, operation, canceled, 0);
  if (handle.kind == HandleKind::connecting) close(handle);
}

// --- submissions ---

void ReadinessBackend::submit(const Submission& submission) {
  Handle* handle = find({submission.index, submission.generation});
  if (handle) return take_submission(*handle, submission);
  Completion refused{};
  refused.error = static_cast<std::int32_t>(stale_handle.code);
  finish(nullptr, submission.token, refused);
}

void ReadinessBackend::take_submission(Handle& handle, const Submission& submission) {
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
      if ((submission.flags & flush_first) != 0 && !handle.sends.empty()) {
        handle.closing = true;
        return;
      }
      return close(handle);
    case Opcode::reset:
      if (handle.kind == HandleKind::stream) sockets::prepare_reset(handle.descriptor);
      return close(handle);
    default:
      return;
  }
  make_ready(handle);
}

std::size_t ReadinessBackend::send(HandleId id, std::uint32_t token, std::span<const Bytes> parts,
                                   std::int32_t flags) {
  Handle* handle = find(id);
  if (handle) return send_on(*handle, token, parts, flags);
  Completion refused{};
  refused.error = static_cast<std::int32_t>(stale_handle.code);
  finish(nullptr, token, refused);
  return 1;
}

// --- the control plane ---

Opened ReadinessBackend::listen(const ListenParameters& parameters) {
  const auto made = sockets::make_listener(parameters);
  if (made.error) return {{}, made.error, made.syscall};
  Handle& handle = add_handle(made.descriptor, HandleKind::listener);
  handle.listener = new ListenerState;
  handle.listener->index = handle.index;
  handle.listener->settings = parameters.settings;
  const HandleId id{handle.index, handle.generation};
  if (const Error error = associate(handle)) {
    forget(handle);
    return {{}, error, "listen"};
  }
  return {id, {}, ""};
}

Opened ReadinessBackend::connect(const ConnectParameters& parameters) {
  const auto made = sockets::make_connecting(parameters);
  if (made.error) return {{}, made.error, made.syscall};
  Handle& handle = add_handle(made.descriptor, HandleKind::connecting);
  const HandleId id{handle.index, handle.generation};
  if (const Error error = associate(handle)) {
    forget(handle);
    return {{}, error, "connect"};
  }
  parts_.counters.submitted++;
  make_operation(handle, handle.waiting, parameters.token, Opcode::none);
  return {id, {}, ""};
}

Error ReadinessBackend::set_no_delay(HandleId id, bool on) {
  Handle* handle = find(id);
  return handle ? sockets::set_no_delay(handle->descriptor, on) : stale_handle;
}

Error ReadinessBackend::set_keep_alive(HandleId id, std::int32_t delay) {
  Handle* handle = find(id);
  return handle ? sockets::set_keep_alive(handle->descriptor, delay) : stale_handle;
}

Error ReadinessBackend::address(HandleId id, bool remote, IpAddress& into) {
  Handle* handle = find(id);
  if (!handle) return stale_handle;
  return remote ? sockets::remote_address(handle->descriptor, into)
                : sockets::local_address(handle->descriptor, into);
}

void ReadinessBackend::set_referenced(HandleId id, bool on) {
  Handle* handle = find(id);
  if (!handle || handle->referenced == on) return;
  handle->referenced = on;
  on ? parts_.counters.referenced++ : parts_.counters.referenced--;
}

std::size_t ReadinessBackend::queued(HandleId id) {
  Handle* handle = find(id);
  if (!handle) return 0;
  std::size_t bytes = 0;
  for (Operation* send = handle->sends.first(); send; send = send->next) {
    if (send->token == 0) bytes += send->left();
  }
  return bytes;
}

}  // namespace portside

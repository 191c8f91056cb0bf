#include "readiness_backend.h"

#include <utility>

namespace portside {

ReadinessBackend::ReadinessBackend(std::unique_ptr<Poller> poller, EngineParts parts)
    : StreamBackend(parts), poller_(std::move(poller)) {}

ReadinessBackend::~ReadinessBackend() = default;

unsigned ReadinessBackend::ask_kernel() {
  const auto events = poller_->wait();
  for (const auto& event : events)
    note(event);
  return static_cast<unsigned>(events.size());
}

void ReadinessBackend::note(const ReadyEvent& event) {
  Handle* handle = find({static_cast<std::uint32_t>(event.tag), static_cast<std::uint32_t>(event.tag >> 32)});
  if (!handle) return;  // closed meanwhile
  if (event.readable || event.hung_up) {
    handle->readable = true;
    handle->receive_later = false;
  }
  if (event.writable || event.hung_up) {
    handle->writable = true;
    handle->awaits_room = false;
    handle->send_later = false;
  }
  handle->read_on |= event.hung_up || event.urgent;
  if (event.readable) handle->unread = event.unread;
  if (event.error) handle->reported = event.error;
  make_ready(*handle);
}

void ReadinessBackend::try_again(Handle& handle) {
  handle.readable |= handle.receive_later;
  handle.writable |= handle.send_later;
  handle.receive_later = handle.send_later = false;
  make_ready(handle);
}

Error ReadinessBackend::associate(Handle& handle) {
  const auto tag = tag_of(handle);
  switch (handle.kind) {
    case HandleKind::listener:
      return poller_->add_listener(handle.descriptor, tag);
    case HandleKind::connecting:
      return poller_->add_connecting(handle.descriptor, tag);
    default:
      return poller_->add_stream(handle.descriptor, tag);
  }
}

void ReadinessBackend::let_go(Handle& handle, bool /*reset*/) {
  poller_->remove(handle.descriptor);
  sockets::close(handle.descriptor);
}

}  // namespace portside

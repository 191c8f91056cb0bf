#include "readiness_backend.h"

#include <utility>

namespace portside {
namespace {

std::uint64_t tag_of(const StreamHandle& handle) {
  return (static_cast<std::uint64_t>(handle.generation) << 32) | handle.index;
}

}  // namespace

ReadinessBackend::ReadinessBackend(std::unique_ptr<Poller> poller, EngineParts parts)
    : StreamBackend(parts), poller_(std::move(poller)) {}

ReadinessBackend::~ReadinessBackend() = default;

unsigned ReadinessBackend::gather() {
  const auto events = poller_->wait();
  for (const auto& event : events)
    note(event);
  return static_cast<unsigned>(events.size());
}

void ReadinessBackend::note(const ReadyEvent& event) {
  Handle* handle = find({static_cast<std::uint32_t>(event.tag), static_cast<std::uint32_t>(event.tag >> 32)});
  if (!handle) return;  // closed meanwhile
  handle->readable |= event.readable || event.hung_up;
  handle->writable |= event.writable || event.hung_up;
  handle->read_on |= event.hung_up || event.urgent;
  if (event.readable) handle->unread = event.unread;
  if (event.error) handle->reported = event.error;
  make_ready(*handle);
}

Error ReadinessBackend::associate(Handle& handle) {
  const auto tag = tag_of(handle);
  return handle.kind == HandleKind::listener ? poller_->add_listener(handle.descriptor, tag)
                                             : poller_->add_stream(handle.descriptor, tag);
}

void ReadinessBackend::let_go(Handle& handle, bool /*reset*/) {
  poller_->remove(handle.descriptor);
  sockets::close(handle.descriptor);
}

}  // namespace portside

// Where a connection's ends are: told as long as JavaScript may ask, that is until it has heard of the close.
// The peer is remembered from the start, as no system tells it after a reset; this end is asked for, at the
// latest before the socket goes.
#include "stream_backend.h"

namespace portside {

void StreamBackend::remember_peer(Handle& handle, const PackedAddress& peer) {
  handle.peer = KeptEnd::of(peer);
  if (handle.peer.form == KeptEnd::Form::elsewhere) ends_[handle.index].remote = peer;
}

// Before the descriptor goes. The completion carries what fits.
void StreamBackend::keep_ends(const Handle& handle, Completion& closed) {
  if (handle.kind != HandleKind::stream) return;
  PackedAddress local;
  (void)sockets::local_end(handle.descriptor, local);  // none, where the system has forgotten it
  ends_[handle.index].local = local;
  const KeptEnd here = KeptEnd::of(local);
  closed.result = static_cast<std::int32_t>(handle.peer.ipv4);
  closed.error = static_cast<std::int32_t>(handle.peer.word());
  closed.native = static_cast<std::int32_t>(here.ipv4);
  closed.offset = here.word();
}

void StreamBackend::forget_ends(const Handle& handle) {
  ends_.erase(handle.index);
}

Error StreamBackend::address(HandleId id, bool remote, IpAddress& into) {
  const Handle* handle = handles_.find(id);
  if (!handle) return stale_handle;
  PackedAddress address;
  if (remote) {
    address =
        handle->peer.form == KeptEnd::Form::elsewhere ? ends_[handle->index].remote : handle->peer.unpacked();
  } else if (handle->closed) {
    const auto found = ends_.find(handle->index);
    if (found != ends_.end()) address = found->second.local;
  } else if (const Error error = sockets::local_end(handle->descriptor, address)) {
    return error;
  }
  if (address.family == PackedAddress::Family::none) return {ErrorCode::NOTCONN, 0};
  return sockets::text_of(address, into);
}

}  // namespace portside

// Where a connection's ends are: told as long as JavaScript may ask, that is until it has heard of the close.
// The peer is remembered from the start, as no system tells it after a reset; this end is asked for, at the
// latest before the socket goes, but where a system forgets it as well.
#include "stream_backend.h"

namespace portside {

void StreamBackend::remember_peer(Handle& handle, const PackedAddress& peer) {
  handle.peer = KeptEnd::of(peer);
  if (handle.peer.form == KeptEnd::Form::elsewhere) ends_[handle.index].remote = peer;
  PackedAddress local;
  if (sockets::forgets_local_end() && !sockets::local_end(handle.descriptor, local))
    ends_[handle.index].local = local;
}

// No family where nobody knows it.
PackedAddress StreamBackend::local_end(const Handle& handle) const {
  PackedAddress local;
  if (!handle.closed && !sockets::local_end(handle.descriptor, local)) return local;
  const auto found = ends_.find(handle.index);
  return found == ends_.end() ? PackedAddress{} : found->second.local;
}

PackedAddress StreamBackend::remote_end(const Handle& handle) const {
  if (handle.peer.form != KeptEnd::Form::elsewhere) return handle.peer.unpacked();
  return ends_.at(handle.index).remote;
}

// Before the descriptor goes. The completion carries what fits.
void StreamBackend::keep_ends(const Handle& handle, Completion& closed) {
  if (handle.kind != HandleKind::stream) return;
  const PackedAddress local = local_end(handle);
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
  const PackedAddress address = remote ? remote_end(*handle) : local_end(*handle);
  if (address.family == PackedAddress::Family::none) return {ErrorCode::NOTCONN, 0};
  return sockets::text_of(address, into);
}

}  // namespace portside

// EVFILT_READ and EVFILT_WRITE: whether an event is due, and what it says.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>

#include "knote.h"
#include "socket_state.h"

namespace kq {
namespace {

int counted_by(int descriptor, unsigned long request) {
  int bytes = 0;
  return ::ioctl(descriptor, request, &bytes) == 0 ? bytes : 0;
}

struct kevent event_of(const Knote& knote, std::int64_t data, bool at_end, int error) {
  struct kevent event = knote.wanted;
  event.flags = static_cast<std::uint16_t>((event.flags & (EV_CLEAR | EV_ONESHOT | EV_DISPATCH)) |
                                           (at_end ? EV_EOF : 0));
  event.fflags = static_cast<std::uint32_t>(error);
  event.data = data;
  return event;
}

// An edge is an edge: without EV_CLEAR whatever is true is told again.
bool is_news(Knote& knote, const Told& now) {
  const bool repeats = (knote.wanted.flags & EV_CLEAR) == 0;
  if (!repeats && knote.told == now) return false;
  knote.told = now;
  return true;
}

std::int64_t unread_of(int descriptor, const SocketState& state) {
  // Linux counts up to urgent data only; what lies at and behind them is at least one byte.
  return counted_by(descriptor, FIONREAD) + (state.urgent ? 1 : 0);
}

std::int64_t room_of(int descriptor) {
  int size = 0;
  socklen_t length = sizeof(size);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, &length) != 0) return 1;
  return std::max(1, size - counted_by(descriptor, SIOCOUTQ));
}

}  // namespace

std::optional<Identity> identity_of(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return std::nullopt;
  return Identity{status.st_dev, status.st_ino};
}

std::optional<struct kevent> due_read(Knote& knote) {
  const auto state = state_of(knote.descriptor());
  if (state.listens) {
    if (state.pending == 0) return std::nullopt;
    return event_of(knote, state.pending, false, 0);
  }
  const bool at_end = state.end_of_input || state.error != 0;
  const auto unread = unread_of(knote.descriptor(), state);
  if (!at_end && !state.readable && unread == 0) return std::nullopt;
  if (state.is_socket && (state.is_new || !is_news(knote, {state.received, at_end, state.error}))) {
    return std::nullopt;
  }
  return event_of(knote, state.is_socket ? unread : std::max<std::int64_t>(unread, 1), at_end, state.error);
}

std::optional<struct kevent> due_write(Knote& knote) {
  const auto state = state_of(knote.descriptor());
  const bool at_end = state.end_of_output || state.error != 0;
  if (state.is_new || (!at_end && !state.writable)) return std::nullopt;
  if (state.is_socket && !is_news(knote, {state.acknowledged, at_end, state.error})) return std::nullopt;
  return event_of(knote, state.is_socket ? room_of(knote.descriptor()) : 1, at_end, state.error);
}

}  // namespace kq

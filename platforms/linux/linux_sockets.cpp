// What Linux's sockets do differently from other POSIX systems'.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "../posix/posix_sockets.h"

namespace portside::sockets {

Descriptor room_socket(int family) {
  return Descriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
}

int room_accept(int listener, sockaddr* peer, socklen_t* size) {
  return ::accept4(listener, peer, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// Linux lets an accepted socket inherit TCP_NODELAY, SO_KEEPALIVE with its delay and the buffer sizes
// (tcp(7)).
Error adopt(int /*descriptor*/, const SocketSettings& /*settings*/) {
  return {};
}

// The kernel resets such a connection by itself (RFC 1122, 4.2.2.13).
bool room_ends_unread(int /*descriptor*/) {
  return false;
}

int room_send_flags() {
  return MSG_NOSIGNAL;
}

bool room_is_torn_down(int /*error*/) {
  return false;
}

// After a reset getpeername() knows nobody any more; SO_PEERNAME still does, and wants to be asked for no
// more than the address takes.
int room_peer_name(int descriptor, sockaddr* address, socklen_t* size) {
  socklen_t of_own = *size;
  if (::getpeername(descriptor, address, size) == 0) return 0;
  if (errno != ENOTCONN || ::getsockname(descriptor, address, &of_own) != 0) return -1;
  *size = of_own;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_PEERNAME, address, size);
}

int room_keep_alive_option() {
  return TCP_KEEPIDLE;
}

bool room_has_dual_stack() {
  return true;
}

int room_reuse_port_option() {
  return SO_REUSEPORT;
}

}  // namespace portside::sockets

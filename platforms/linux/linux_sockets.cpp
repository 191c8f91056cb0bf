// What Linux's sockets do differently from other POSIX systems'.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "../posix/posix_sockets.h"

namespace portside::sockets {

Descriptor room_socket(int family) {
  return Descriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
}

int room_accept(int listener, sockaddr* peer, socklen_t* size) {
  return ::accept4(listener, peer, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// Linux lets an accepted socket inherit TCP_NODELAY, SO_KEEPALIVE with its delays, TCP_USER_TIMEOUT and the
// buffer sizes (tcp(7)).
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

KeepAliveOptions room_keep_alive_options() {
  return {.delay = TCP_KEEPIDLE, .interval = TCP_KEEPINTVL, .count = TCP_KEEPCNT};
}

UserTimeoutOption room_user_timeout_option() {
  return {.name = TCP_USER_TIMEOUT, .milliseconds = 1};
}

// Where all have it and none of them listens (socket(7)).
bool room_share_port(int descriptor) {
  const int on = 1;
  return ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
}

// Otherwise every connection takes a port for itself alone, whatever its peer, and they run out (ip(7)). Of
// IPv6 sockets, too. What cannot be had (before Linux 4.2) is done without.
void room_choose_port_late(int descriptor) {
  const int on = 1;
  (void)::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
}

bool forgets_local_end() {
  return false;
}

bool room_has_dual_stack() {
  return true;
}

int room_reuse_port_option() {
  return SO_REUSEPORT;
}

}  // namespace portside::sockets

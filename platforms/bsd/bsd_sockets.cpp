// What the BSDs' sockets (macOS's included) do differently from each other and from other POSIX systems'.
// What a system lacks, its headers lack: nothing here asks for its name, but where the name is all that
// tells.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "../posix/posix_errors.h"
#include "../posix/posix_sockets.h"

// macOS's newer headers name MSG_NOSIGNAL, its older kernels refuse it: there a socket is told once.
#if defined(SO_NOSIGPIPE) && (defined(__APPLE__) || !defined(MSG_NOSIGNAL))
#define PORTSIDE_SOCKETS_RAISE_SIGNALS
#endif

// With SOCK_NONBLOCK comes accept4(). Tests do without them where they exist (room.cmake).
#if defined(SOCK_NONBLOCK) && !defined(PORTSIDE_PLAIN_SOCKETS)
#define PORTSIDE_SOCKETS_ARE_BORN_READY
#endif

namespace portside::sockets {
namespace {

bool raises_no_signal([[maybe_unused]] int descriptor) {
#ifdef PORTSIDE_SOCKETS_RAISE_SIGNALS
  const int on = 1;
  return ::setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on)) == 0;
#else
  return true;
#endif
}

#ifndef PORTSIDE_SOCKETS_ARE_BORN_READY
bool is_prepared(int descriptor) {
  return ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 &&
         raises_no_signal(descriptor);
}

// macOS takes a connection out of the queue first, and drops it when there is no descriptor for it, in the
// process or on the machine.
bool has_room_for_another() {
  const int probe = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  return probe >= 0 && ::close(probe) == 0;
}
#endif

// The BSDs let an accepted socket inherit what its listener was told, TCP_NODELAY included, but no manual
// page promises the latter: the process's first accepted socket is asked.
bool inherits_no_delay(int descriptor) {
  enum Answer { unknown, no, yes };
  static std::atomic<Answer> answer = unknown;
  if (answer == unknown) {
    int on = 0;
    socklen_t size = sizeof(on);
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, &size) != 0) return false;
    answer = on != 0 ? yes : no;
  }
  return answer == yes;
}

}  // namespace

Descriptor room_socket(int family) {
#ifdef PORTSIDE_SOCKETS_ARE_BORN_READY
  Descriptor made(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  const bool prepared = made.get() < 0 || raises_no_signal(made.get());
#else
  Descriptor made(::socket(family, SOCK_STREAM, IPPROTO_TCP));
  const bool prepared = made.get() < 0 || is_prepared(made.get());
#endif
  return prepared ? std::move(made) : Descriptor(-1);
}

int room_accept(int listener, sockaddr* peer, socklen_t* size) {
#ifdef PORTSIDE_SOCKETS_ARE_BORN_READY
  return ::accept4(listener, peer, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
  if (!has_room_for_another()) return -1;
  const int accepted = ::accept(listener, peer, size);
  if (accepted < 0 || is_prepared(accepted)) return accepted;
  // A connection that its peer has reset meanwhile refuses all settings (macOS: EINVAL).
  ::close(accepted);
  errno = ECONNABORTED;
  return -1;
#endif
}

Error adopt(int descriptor, const SocketSettings& settings) {
  Error error;
  if (settings.no_delay && !inherits_no_delay(descriptor)) error = set_no_delay(descriptor, true);
  // SO_KEEPALIVE is inherited (listen(2), accept(2)); nobody says it of the delay.
  if (!error && settings.keep_alive.is_adjusted()) error = set_keep_alive(descriptor, settings.keep_alive);
  if (!error && settings.user_timeout > 0) error = set_user_timeout(descriptor, settings.user_timeout);
  return error;
}

// RFC 1122, 4.2.2.13: a close that leaves something unread tells the peer so, by a reset. The BSDs send a FIN
// (RFC 2525, 2.17).
bool room_ends_unread(int descriptor) {
  int unread = 0;
  return ::ioctl(descriptor, FIONREAD, &unread) == 0 && unread > 0;
}

int room_send_flags() {
#if defined(MSG_NOSIGNAL) && !defined(PORTSIDE_SOCKETS_RAISE_SIGNALS)
  return MSG_NOSIGNAL;
#else
  return 0;
#endif
}

// macOS says EPROTOTYPE while a connection is being torn down; the next try tells what happened to it. Of one
// that a VPN has taken over it says nothing else ever again.
bool room_is_torn_down(int error) {
  return error == EPROTOTYPE;
}

// OpenBSD has none: net.inet.tcp.keepidle and keepintvl are for all of the machine's connections.
KeepAliveOptions room_keep_alive_options() {
  KeepAliveOptions options;
#if defined(TCP_KEEPIDLE)
  options.delay = TCP_KEEPIDLE;
#elif defined(TCP_KEEPALIVE)
  options.delay = TCP_KEEPALIVE;
#endif
#ifdef TCP_KEEPINTVL
  options.interval = TCP_KEEPINTVL;
#endif
#ifdef TCP_KEEPCNT
  options.count = TCP_KEEPCNT;
#endif
  return options;
}

UserTimeoutOption room_user_timeout_option() {
#if defined(TCP_USER_TIMEOUT)
  return {.name = TCP_USER_TIMEOUT, .milliseconds = 1};
#elif defined(TCP_RXT_CONNDROPTIME)
  return {.name = TCP_RXT_CONNDROPTIME, .milliseconds = 1000};  // macOS
#elif defined(TCP_MAXUNACKTIME)
  return {.name = TCP_MAXUNACKTIME, .milliseconds = 1000};  // FreeBSD
#else
  return {};
#endif
}

// SO_REUSEADDR is for those in TIME_WAIT, SO_REUSEPORT for those that stand.
bool room_share_port(int descriptor) {
  const int on = 1;
  return ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
         ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
}

// The BSDs have nothing of the kind, but where they run on Linux, for tests.
void room_choose_port_late([[maybe_unused]] int descriptor) {
#ifdef IP_BIND_ADDRESS_NO_PORT
  const int on = 1;
  (void)::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
#endif
}

// NetBSD's and OpenBSD's getsockname() says EINVAL then. Of the others it is not known: they are taken to
// forget.
bool forgets_local_end() {
  return true;
}

// ip6(4) of OpenBSD: IPV6_V6ONLY is always on.
bool room_has_dual_stack() {
#ifdef __OpenBSD__
  return false;
#else
  return true;
#endif
}

int room_reuse_port_option() {
#ifdef SO_REUSEPORT_LB
  return SO_REUSEPORT_LB;  // FreeBSD: there SO_REUSEPORT brings all connections to one of the listeners
#else
  return SO_REUSEPORT;
#endif
}

}  // namespace portside::sockets

// Socket calls of a kernel whose kqueue does not take a socket's error away: what was taken for an event is
// given once, to SO_ERROR or to the next call that would have met it. Only what is linked with this library
// sees them.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "socket_state.h"

namespace {

ssize_t failed_with(int error) {
  errno = error;
  return -1;
}

}  // namespace

#define HIDDEN extern "C" __attribute__((visibility("hidden")))

HIDDEN int getsockopt(int descriptor, int level, int name, void* value, socklen_t* size) noexcept {
  const bool asks_for_error = level == SOL_SOCKET && name == SO_ERROR && *size >= sizeof(int);
  if (const int error = asks_for_error ? kq::take_error(descriptor) : 0) {
    *static_cast<int*>(value) = error;
    *size = sizeof(int);
    return 0;
  }
  return static_cast<int>(::syscall(SYS_getsockopt, descriptor, level, name, value, size));
}

namespace {

// A connection that its peer has reset before anybody took it is none to a BSD's accept().
int unless_aborted(int accepted) {
  if (accepted < 0 || !kq::is_gone(accepted)) return accepted;
  ::close(accepted);
  return static_cast<int>(failed_with(ECONNABORTED));
}

}  // namespace

HIDDEN int accept(int listener, sockaddr* address, socklen_t* size) {
  return unless_aborted(static_cast<int>(::syscall(SYS_accept, listener, address, size)));
}

HIDDEN int accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  return unless_aborted(static_cast<int>(::syscall(SYS_accept4, listener, address, size, flags)));
}

// What lies unread comes before the error.
HIDDEN ssize_t recv(int descriptor, void* into, size_t size, int flags) {
  const ssize_t result = ::syscall(SYS_recvfrom, descriptor, into, size, flags, nullptr, nullptr);
  if (result > 0) return result;
  const int error = kq::take_error(descriptor);
  return error != 0 ? failed_with(error) : result;
}

namespace {

// A BSD's send() sees first that the connection cannot be sent on, and leaves it to others to tell why.
ssize_t as_a_bsd_says(int descriptor, ssize_t result) {
  const int error = errno;
  if (result >= 0 || (error != ECONNRESET && error != EPIPE) || !kq::was_reset(descriptor)) return result;
  if (error == ECONNRESET) kq::keep_error(descriptor, error);
  return failed_with(EPIPE);
}

}  // namespace

HIDDEN ssize_t send(int descriptor, const void* from, size_t size, int flags) {
  return as_a_bsd_says(descriptor, ::syscall(SYS_sendto, descriptor, from, size, flags, nullptr, 0));
}

HIDDEN ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
  return as_a_bsd_says(descriptor, ::syscall(SYS_sendmsg, descriptor, message, flags));
}

// What was reset takes no settings: ECONNRESET on NetBSD, EINVAL on macOS.
HIDDEN int setsockopt(int descriptor, int level, int name, const void* value, socklen_t size) noexcept {
  if (kq::was_reset(descriptor))
    return static_cast<int>(failed_with(level == IPPROTO_TCP ? ECONNRESET : EINVAL));
  return static_cast<int>(::syscall(SYS_setsockopt, descriptor, level, name, value, size));
}

HIDDEN int getsockname(int descriptor, sockaddr* address, socklen_t* size) noexcept {
  if (kq::was_reset(descriptor)) return static_cast<int>(failed_with(EINVAL));
  return static_cast<int>(::syscall(SYS_getsockname, descriptor, address, size));
}

HIDDEN int shutdown(int descriptor, int how) noexcept {
  if (kq::was_reset(descriptor)) return static_cast<int>(failed_with(EINVAL));
  return static_cast<int>(::syscall(SYS_shutdown, descriptor, how));
}

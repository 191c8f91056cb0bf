// What the POSIX rooms share of sockets, and the few calls in which they differ (each room defines them).
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "../../native/readiness/readiness_sockets.h"

namespace portside::sockets {

// Closes what it owns, unless it is released.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

// Names of socket options (IPPROTO_TCP); -1: the system has none.
struct KeepAliveOptions {
  int delay = -1;     // before the first probe, in seconds
  int interval = -1;  // between probes, in seconds
  int count = -1;
};
struct UserTimeoutOption {
  int name = -1;
  int milliseconds = 1;  // in one of its units
};

// --- of the room; errors in errno ---
Descriptor room_socket(int family);  // non-blocking, closed on exec, raising no signals
// The same for an accepted one; tells its peer.
int room_accept(int listener, sockaddr* peer, socklen_t* size);
bool room_ends_unread(int descriptor);  // its close has to be made a reset, as something lies unread
int room_send_flags();
bool room_is_torn_down(int error);  // send()'s word for a connection that is: trying again mostly tells more
KeepAliveOptions room_keep_alive_options();
UserTimeoutOption room_user_timeout_option();
bool room_share_port(int descriptor);        // with other connecting sockets, those in TIME_WAIT among them
void room_choose_port_late(int descriptor);  // bound to an address only; the port when it connects, if it can
bool room_has_dual_stack();                  // an IPv6 socket can take IPv4 connections as well
int room_reuse_port_option();                // lets listeners share a port, and spreads connections over them

}  // namespace portside::sockets

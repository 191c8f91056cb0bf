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

// --- of the room; errors in errno ---
Descriptor room_socket(int family);  // non-blocking, closed on exec, raising no signals
// The same for an accepted one; tells its peer.
int room_accept(int listener, sockaddr* peer, socklen_t* size);
bool room_ends_unread(int descriptor);  // its close has to be made a reset, as something lies unread
int room_send_flags();
bool room_is_torn_down(int error);  // send()'s word for a connection that is: trying again mostly tells more
int room_peer_name(int descriptor, sockaddr* address,
                   socklen_t* size);  // also of one that was reset, if it can
int room_keep_alive_option();         // the delay before the first probe, in seconds; -1: the system has none
bool room_has_dual_stack();           // an IPv6 socket can take IPv4 connections as well
int room_reuse_port_option();         // lets listeners share a port, and spreads connections over them

}  // namespace portside::sockets

// TCP connections over loopback, both ends in our hands.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "harness.h"

// Closes what it owns.
class Owned {
 public:
  explicit Owned(int descriptor = -1) : descriptor_(descriptor) {}
  Owned(Owned&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Owned() { close(); }
  operator int() const { return descriptor_; }  // NOLINT(google-explicit-constructor): as calls take it
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_;
};

inline void set_flag(int descriptor, int level, int name, int value) {
  EXPECT_EQUAL(::setsockopt(descriptor, level, name, &value, sizeof(value)), 0);
}

inline Owned new_socket() {
  Owned made(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQUAL(::fcntl(made, F_SETFL, O_NONBLOCK), 0);
  return made;
}

struct Listening {
  Owned socket;
  sockaddr_in address{};

  Listening() : socket(new_socket()) {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQUAL(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQUAL(::listen(socket, 16), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQUAL(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  }

  int connect(int client) const {
    return ::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  Owned client() const {
    Owned made = new_socket();
    (void)connect(made);
    return made;
  }
};

// What is sent is there a moment later.
inline void settle() {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

struct Pair {
  Listening listener;
  Owned ours = listener.client();
  Owned peer;

  Pair() {
    settle();
    peer = Owned(::accept(listener.socket, nullptr, nullptr));
    EXPECT(peer >= 0);
    EXPECT_EQUAL(::fcntl(peer, F_SETFL, O_NONBLOCK), 0);
  }

  void peer_sends(const std::string& text) const {
    EXPECT_EQUAL(::send(peer, text.data(), text.size(), MSG_NOSIGNAL), text.size());
    settle();
  }
  void peer_closes() {
    peer.close();
    settle();
  }
  void peer_resets() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    EXPECT_EQUAL(::setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    peer_closes();
  }
};

// Until the kernel takes no more; returns how much it took.
inline std::size_t fill(int descriptor) {
  static const std::string chunk(64 * 1024, 'x');
  std::size_t sent = 0;
  for (;;) {
    const ssize_t bytes = ::send(descriptor, chunk.data(), chunk.size(), MSG_NOSIGNAL);
    if (bytes > 0) {
      sent += static_cast<std::size_t>(bytes);
      continue;
    }
    settle();  // the peer's side may take some more
    if (::send(descriptor, chunk.data(), 1, MSG_NOSIGNAL) < 0) return sent;
    sent++;
  }
}

inline std::size_t read_up_to(int descriptor, std::size_t limit) {
  std::string into(64 * 1024, '\0');
  std::size_t total = 0;
  while (total < limit) {
    const ssize_t bytes = ::recv(descriptor, into.data(), std::min(into.size(), limit - total), 0);
    if (bytes <= 0) break;
    total += static_cast<std::size_t>(bytes);
  }
  return total;
}

// One filter of one descriptor, timer or user event, as a kqueue keeps it.
#pragma once

#include <sys/event.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <utility>

namespace kq {

// What a descriptor is, however often its number is used again.
struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const Identity&) const = default;
};
std::optional<Identity> identity_of(int descriptor);  // nothing when it is closed

using Key = std::pair<std::uintptr_t, std::int16_t>;  // ident and filter

// What an event told about a socket. Another that would tell the same is Linux's, not kqueue's: epoll reports
// every change of state to readers and writers alike.
struct Told {
  std::uint64_t moved = 0;  // bytes that arrived, or that the peer has acknowledged, ever
  bool at_end = false;
  int error = 0;
  bool operator==(const Told&) const = default;
};

struct Knote {
  struct kevent wanted {};
  Identity identity;
  bool enabled = true;
  bool active = false;  // something may have happened since the last event
  std::optional<Told> told;
  int timer = -1;  // a timerfd

  int descriptor() const { return static_cast<int>(wanted.ident); }
  Key key() const { return {wanted.ident, wanted.filter}; }
};

// The event that is due, if one is. Each filter's lies in a file of its own.
std::optional<struct kevent> due_read(Knote& knote);
std::optional<struct kevent> due_write(Knote& knote);

}  // namespace kq

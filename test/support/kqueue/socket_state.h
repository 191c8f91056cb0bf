// What Linux knows of a socket, in kqueue's terms.
#pragma once

#include <cstdint>

namespace kq {

struct SocketState {
  bool is_socket = false;
  bool listens = false;
  bool is_new = false;    // never connected, nor tried to: Linux says "hung up", kqueue says nothing
  bool readable = false;  // poll(2)'s POLLIN and POLLOUT
  bool writable = false;
  bool urgent = false;
  bool end_of_input = false;   // the peer's FIN, or our own SHUT_RD
  bool end_of_output = false;  // our own SHUT_WR
  int error = 0;               // SO_ERROR, which is taken from the socket and kept
  std::uint64_t received = 0;  // bytes, ever
  std::uint64_t acknowledged = 0;
  int pending = 0;  // connections that wait for accept()
};

SocketState state_of(int descriptor);
bool is_gone(int descriptor);    // a connection that stands no more: it was reset
bool was_reset(int descriptor);  // the same, and it is none that never stood

// Linux's SO_ERROR can be read once only, kqueue's does not take it away: what was read for an event is kept
// until the program asks (the `sockets` variant of the library), or the number is another socket's.
void keep_error(int descriptor, int error);
int kept_error(int descriptor);
int take_error(int descriptor);

}  // namespace kq

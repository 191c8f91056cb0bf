// What only readiness systems ask of their sockets.
#pragma once

#include "../streams/sockets.h"

namespace portside::sockets {

// INPROGRESS: neither there nor refused yet.
Error connect_result(int descriptor);

// EAGAIN when nobody waits. `peer` gets no family where the system does not tell it.
Made accept(int listener, PackedAddress& peer);
// For an accepted socket: what its listener's settings say and the OS does not let it inherit.
Error adopt(int descriptor, const SocketSettings& settings);
// True for errors of accept() that concern one connection and not the listener.
bool is_accept_transient(ErrorCode code);

}  // namespace portside::sockets

// What the room's own files ask of sockets besides native/streams/sockets.h.
#pragma once

#include "../../native/streams/sockets.h"
#include "windows_headers.h"

namespace portside::sockets {

// A SOCKET is a handle, and of a handle only 32 bits count ("Interprocess Communication Between 32-bit and
// 64-bit Applications"): the portable side's int holds it.
inline SOCKET socket_of(int descriptor) {
  return static_cast<SOCKET>(static_cast<std::uint32_t>(descriptor));
}
inline int descriptor_of(SOCKET socket) {
  return static_cast<int>(socket);
}

inline HANDLE handle_of(int descriptor) {
  return reinterpret_cast<HANDLE>(socket_of(descriptor));
}

// Overlapped, non-blocking for what is not overlapped, and not inherited.
Made open_socket(int family);
Error apply(int descriptor, const SocketSettings& settings);
// Switches off what the settings do not ask for.
Error apply_off(int descriptor, const SocketSettings& settings);

// What Windows says of a stream, in the words of the contract.
Error error_of_stream(Error error);

// Whether a call that is done at once may do without its packet: not below a layered provider whose handles
// are not the file system's (SetFileCompletionNotificationModes, "Remarks").
bool may_skip_packets(int descriptor);

// Of an accepted, or of a connected socket: it knows nothing of itself before.
Error update_context(int descriptor, int option, int listener = -1);

// Seconds since a client came to a socket that waits in AcceptEx; nothing while none has.
bool connected_for(int descriptor, std::uint32_t& seconds);

}  // namespace portside::sockets

namespace portside {

// The OS could not even begin: short of memory, or (WSAEWOULDBLOCK: WSASend, WSARecv) of room for one more
// request.
constexpr bool is_refusal(ErrorCode code) {
  return is_shortage(code) || code == ErrorCode::AGAIN;
}

}  // namespace portside

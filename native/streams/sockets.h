// The sockets of a system: non-blocking, never raising signals, not inherited by other programs. Implemented
// once for what the POSIX systems share, and by the room for what differs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "../engine/backend.h"

namespace portside::sockets {

// A descriptor, or what went wrong in which call.
struct Made {
  int descriptor = -1;
  Error error;
  const char* syscall = "";
};

// Bytes, or what went wrong; EAGAIN where the caller has to wait.
struct Moved {
  std::size_t bytes = 0;
  Error error;
};

Made make_listener(const ListenParameters& parameters);
// On its way to its address, or ready to be sent there: see StreamBackend::start_connecting().
Made make_connecting(const ConnectParameters& parameters);
Moved receive(int descriptor, std::span<std::uint8_t> into);
Moved send(int descriptor, std::span<const Bytes> parts);  // at most max_parts of them
inline constexpr std::size_t max_parts = 64;

Error shutdown_sending(int descriptor);
void close(int descriptor);
// Makes the close that follows an RST instead of a FIN.
void prepare_reset(int descriptor);

// Whether a connection that stood does so no more, as its peer has reset it.
bool is_gone(int descriptor);

Error set_no_delay(int descriptor, bool on);
// What is refused leaves keep-alive switched as it was.
Error set_keep_alive(int descriptor, const KeepAlive& wanted);
Error set_user_timeout(int descriptor, std::int32_t milliseconds);  // 0: as the OS has it
Error local_end(int descriptor, PackedAddress& into);
// Whether local_end() knows nothing any more of a connection that its peer has reset.
bool forgets_local_end();
Error remote_end(int descriptor, PackedAddress& into);
Error text_of(const PackedAddress& address, IpAddress& into);

}  // namespace portside::sockets

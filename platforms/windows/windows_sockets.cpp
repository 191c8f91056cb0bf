#include "windows_sockets.h"

#include <algorithm>
#include <array>
#include <utility>

#include "shortage.h"
#include "windows_address.h"
#include "windows_errors.h"

namespace portside::sockets {
namespace {

// One call takes no more: what does not fit into the send buffer would lie in non-paged memory.
constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t most_of_one_send = 4 * 1024 * 1024;

Error set_option(int descriptor, int level, int name, int value) {
  return ::setsockopt(socket_of(descriptor), level, name, reinterpret_cast<const char*>(&value),
                      sizeof(value)) == 0
             ? Error{}
             : last_error();
}

// Once a process; Node's own sockets need it too, and never give it back.
void start_winsock() {
  static const int started = [] {
    WSADATA data;
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  static_cast<void>(started);  // without it, the first socket says so
}

class OwnedSocket {
 public:
  explicit OwnedSocket(int descriptor) : descriptor_(descriptor) {}
  OwnedSocket(const OwnedSocket&) = delete;
  OwnedSocket& operator=(const OwnedSocket&) = delete;
  ~OwnedSocket() {
    if (descriptor_ >= 0) sockets::close(descriptor_);
  }

  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

Error bind_to(int descriptor, const SocketAddress& address) {
  return ::bind(socket_of(descriptor), address.get(), address.size) == 0 ? Error{} : last_error();
}

Error bind_to(int descriptor, const IpAddress& address) {
  SocketAddress at;
  if (const Error error = to_socket_address(address, at)) return error;
  return bind_to(descriptor, at);
}

int family_of(const IpAddress& address) {
  return address.is_ipv6 ? AF_INET6 : AF_INET;
}

// No SO_REUSEADDR: it lets others steal the port, and a port in TIME_WAIT can be taken again without.
Error prepare_listener(int descriptor, const ListenParameters& parameters) {
  Error error;
  if (parameters.address.is_ipv6) {
    error = set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, parameters.ipv6_only ? 1 : 0);
  }
  // All of it for the accepted ones, which are told again; what Windows cannot do is refused here.
  if (!error) error = apply(descriptor, parameters.settings);
  return error;
}

// A larger one than 200 is only heeded when it is written in this way (listen(), SOMAXCONN_HINT).
int backlog_of(std::int32_t wanted) {
  return wanted <= 200 ? wanted : -std::min(wanted, 65535);
}

// Windows 10 1709: before it, "none" is taken for a number.
bool knows_no_retransmissions() {
  static const bool knows = [] {
    using GetVersion = LONG(WINAPI*)(OSVERSIONINFOW*);
    const auto get_version = reinterpret_cast<GetVersion>(
        reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion")));
    OSVERSIONINFOW version{};
    version.dwOSVersionInfoSize = sizeof(version);
    return get_version != nullptr && get_version(&version) == 0 && version.dwBuildNumber >= 16299;
  }();
  return knows;
}

// On loopback nothing gets lost: a refusal need not be asked for three times, half a second apart.
void refuse_at_once(int descriptor) {
  TCP_INITIAL_RTO_PARAMETERS parameters{};
  parameters.Rtt = TCP_INITIAL_RTO_UNSPECIFIED_RTT;
  parameters.MaxSynRetransmissions = 1;
  if (knows_no_retransmissions()) parameters.MaxSynRetransmissions = TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS;
  DWORD bytes = 0;
  (void)::WSAIoctl(socket_of(descriptor), SIO_TCP_INITIAL_RTO, &parameters, sizeof(parameters), nullptr, 0,
                   &bytes, nullptr, nullptr);
}

// Without it every connection takes a local port for itself alone, as it is bound before it is known where it
// goes to. Windows Server 2016 and later know it.
void share_local_ports(int descriptor) {
  constexpr int so_reuse_unicastport = 0x3007;
  (void)set_option(descriptor, SOL_SOCKET, so_reuse_unicastport, 1);
}

using AddressCall = int(WSAAPI*)(SOCKET, sockaddr*, int*);

Error address_by(AddressCall call, int descriptor, PackedAddress& into) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  if (call(socket_of(descriptor), address.get(), &address.size) != 0) return last_error();
  into = pack(address);
  return {};
}

Error stream_error() {
  return error_of_stream(last_error());
}

// The first bytes of `parts`, from `skip` on, that one call takes.
std::size_t gather_piece(std::span<const Bytes> parts, std::size_t skip, std::array<WSABUF, max_parts>& piece,
                         DWORD& count) {
  std::size_t size = 0;
  count = 0;
  for (const auto& part : parts) {
    const auto skipped = std::min(skip, part.size());
    skip -= skipped;
    const auto length = std::min(part.size() - skipped, piece_size - size);
    if (length == 0) continue;
    auto* bytes = const_cast<std::uint8_t*>(part.data() + skipped);
    piece[count++] = {static_cast<ULONG>(length), reinterpret_cast<char*>(bytes)};
    size += length;
  }
  return size;
}

}  // namespace

Made open_socket(int family) {
  start_winsock();
  if (!shortage::take_socket()) return {-1, error_of(WSAEMFILE), "socket"};
  const SOCKET socket = ::WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                                     WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (socket == INVALID_SOCKET) {
    const Error error = last_error();
    shortage::release_socket();
    return {-1, error, "socket"};
  }
  OwnedSocket made(descriptor_of(socket));
  u_long non_blocking = 1;
  if (::ioctlsocket(socket, FIONBIO, &non_blocking) != 0) return {-1, last_error(), "ioctlsocket"};
  return {made.release(), {}, ""};
}

void close(int descriptor) {
  (void)::closesocket(socket_of(descriptor));
  shortage::release_socket();
}

Made make_listener(const ListenParameters& parameters) {
  const Made made = open_socket(family_of(parameters.address));
  if (made.error) return made;
  OwnedSocket listener(made.descriptor);
  // Two sockets can share a port here, but nothing spreads connections over them.
  if (parameters.reuse_port) return {-1, {ErrorCode::NOTSUP, 0}, "setsockopt"};
  if (const Error error = prepare_listener(listener.get(), parameters)) return {-1, error, "setsockopt"};
  if (const Error error = bind_to(listener.get(), parameters.address)) return {-1, error, "bind"};
  if (::listen(socket_of(listener.get()), backlog_of(parameters.backlog)) != 0)
    return {-1, last_error(), "listen"};
  return {listener.release(), {}, ""};
}

Made make_connecting(const ConnectParameters& parameters) {
  const int family = family_of(parameters.address);
  const Made made = open_socket(family);
  if (made.error) return made;
  OwnedSocket connecting(made.descriptor);
  SocketAddress to;
  if (const Error error = to_socket_address(parameters.address, to)) return {-1, error, "connect"};
  Error error = apply(connecting.get(), parameters.settings);
  // For IPv4 addresses in IPv6's clothes, which every other system connects to.
  if (!error && family == AF_INET6) error = set_option(connecting.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (error) return {-1, error, "setsockopt"};
  if (is_loopback(to)) refuse_at_once(connecting.get());
  if (!parameters.local || parameters.local->port == 0) share_local_ports(connecting.get());
  // ConnectEx wants a bound socket.
  error = parameters.local ? bind_to(connecting.get(), *parameters.local)
                           : bind_to(connecting.get(), any_address(family));
  if (error) return {-1, error, "bind"};
  return {connecting.release(), {}, ""};
}

// A stream that Windows gave up is one that the peer, or the network, has broken; WSAENETRESET says that
// keep-alive found nobody any more (setsockopt, SO_KEEPALIVE).
Error error_of_stream(Error error) {
  if (error.code == ErrorCode::CONNABORTED) error.code = ErrorCode::CONNRESET;
  if (error.code == ErrorCode::NETRESET) error.code = ErrorCode::TIMEDOUT;
  return error;
}

Error apply_off(int descriptor, const SocketSettings& settings) {
  Error error;
  if (!settings.no_delay) error = set_no_delay(descriptor, false);
  if (!error && !settings.keep_alive.on) error = set_keep_alive(descriptor, {});
  return error;
}

Error apply(int descriptor, const SocketSettings& settings) {
  Error error;
  if (settings.receive_buffer_size > 0) {
    error = set_option(descriptor, SOL_SOCKET, SO_RCVBUF, settings.receive_buffer_size);
  }
  if (!error && settings.unbuffered_sends) {
    error = set_option(descriptor, SOL_SOCKET, SO_SNDBUF, 0);
  } else if (!error && settings.send_buffer_size > 0) {
    error = set_option(descriptor, SOL_SOCKET, SO_SNDBUF, settings.send_buffer_size);
  }
  if (!error && settings.no_delay) error = set_no_delay(descriptor, true);
  if (!error && settings.keep_alive.on) error = set_keep_alive(descriptor, settings.keep_alive);
  if (!error && settings.user_timeout > 0) error = set_user_timeout(descriptor, settings.user_timeout);
  return error;
}

bool may_skip_packets(int descriptor) {
  WSAPROTOCOL_INFOW protocol{};
  int size = sizeof(protocol);
  return ::getsockopt(socket_of(descriptor), SOL_SOCKET, SO_PROTOCOL_INFOW,
                      reinterpret_cast<char*>(&protocol), &size) == 0 &&
         (protocol.dwServiceFlags1 & XP1_IFS_HANDLES) != 0;
}

Error update_context(int descriptor, int option, int listener) {
  const SOCKET accepted_by = listener < 0 ? INVALID_SOCKET : socket_of(listener);
  const bool accepted = listener >= 0;
  const int result = ::setsockopt(socket_of(descriptor), SOL_SOCKET, option,
                                  accepted ? reinterpret_cast<const char*>(&accepted_by) : nullptr,
                                  accepted ? static_cast<int>(sizeof(accepted_by)) : 0);
  return result == 0 ? Error{} : last_error();
}

bool connected_for(int descriptor, std::uint32_t& seconds) {
  DWORD value = 0xffffffff;
  int size = sizeof(value);
  const int result = ::getsockopt(socket_of(descriptor), SOL_SOCKET, SO_CONNECT_TIME,
                                  reinterpret_cast<char*>(&value), &size);
  seconds = value;
  return result == 0 && value != 0xffffffff;
}

Moved receive(int descriptor, std::span<std::uint8_t> into) {
  WSABUF buffer{static_cast<ULONG>(into.size()), reinterpret_cast<char*>(into.data())};
  DWORD bytes = 0;
  DWORD flags = 0;
  if (shortage::strikes() ||
      ::WSARecv(socket_of(descriptor), &buffer, 1, &bytes, &flags, nullptr, nullptr) != 0)
    return {0, stream_error()};
  return {bytes, {}};
}

Moved send(int descriptor, std::span<const Bytes> parts) {
  const std::size_t wanted = std::min(size_of(parts), most_of_one_send);
  std::size_t taken = 0;
  while (taken < wanted) {
    std::array<WSABUF, max_parts> piece;
    DWORD count = 0;
    const auto size = gather_piece(parts, taken, piece, count);
    DWORD bytes = 0;
    if (shortage::strikes() ||
        ::WSASend(socket_of(descriptor), piece.data(), count, &bytes, 0, nullptr, nullptr) != 0) {
      // What went before stands; the next call tells what is wrong.
      if (taken > 0) return {taken, {}};
      const Error error = stream_error();
      // Posted, it is tried again.
      return {0, is_shortage(error.code) ? Error{ErrorCode::AGAIN, error.native} : error};
    }
    taken += bytes;
    if (bytes < size) break;
  }
  return {taken, {}};
}

// Not even nothing can be sent: of a socket that was not shut down, only a reset makes that.
bool is_gone(int descriptor) {
  WSABUF nothing{0, nullptr};
  DWORD bytes = 0;
  return ::WSASend(socket_of(descriptor), &nothing, 1, &bytes, 0, nullptr, nullptr) != 0 &&
         ::WSAGetLastError() != WSAEWOULDBLOCK;
}

// What is reset cannot be shut down any more, in whichever words Windows says so.
Error shutdown_sending(int descriptor) {
  if (::shutdown(socket_of(descriptor), SD_SEND) == 0) return {};
  const Error error = stream_error();
  const bool is_gone = error.code == ErrorCode::CONNRESET || error.code == ErrorCode::INVAL;
  return is_gone ? Error{ErrorCode::NOTCONN, error.native} : error;
}

void prepare_reset(int descriptor) {
  const linger at_once{1, 0};
  (void)::setsockopt(socket_of(descriptor), SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&at_once),
                     sizeof(at_once));
}

Error set_no_delay(int descriptor, bool on) {
  return set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}

namespace {

// Options that newer versions of Windows have, and the one that runs here perhaps not.
Error set_newer_option(int descriptor, int name, int value) {
  Error error = set_option(descriptor, IPPROTO_TCP, name, value);
  if (error.code == ErrorCode::NOPROTOOPT || error.code == ErrorCode::INVAL) error.code = ErrorCode::NOTSUP;
  return error;
}

// Windows' own (SIO_KEEPALIVE_VALS, "Remarks").
constexpr std::int32_t usual_delay = 7'200'000;
constexpr std::int32_t usual_interval = 1000;

}  // namespace

// TCP_KEEPIDLE and TCP_KEEPINTVL came with Windows 10 1709; SIO_KEEPALIVE_VALS is older, and wants both.
// Switched on last: what is refused must not be half done.
Error set_keep_alive(int descriptor, const KeepAlive& wanted) {
  constexpr int tcp_keepcnt = 16;  // Windows 10 1703
  if (!wanted.on) return set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 0);
  if (wanted.count > 0) {
    if (const Error error = set_newer_option(descriptor, tcp_keepcnt, wanted.count)) return error;
  }
  if (wanted.delay == 0 && wanted.interval == 0) return set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  const auto delay = wanted.delay > 0 ? wanted.delay : usual_delay;
  const auto interval = wanted.interval > 0 ? wanted.interval : usual_interval;
  tcp_keepalive values{.onoff = 1,
                       .keepalivetime = static_cast<ULONG>(delay),
                       .keepaliveinterval = static_cast<ULONG>(interval)};
  DWORD bytes = 0;
  const int result = ::WSAIoctl(socket_of(descriptor), SIO_KEEPALIVE_VALS, &values, sizeof(values), nullptr,
                                0, &bytes, nullptr, nullptr);
  return result == 0 ? Error{} : last_error();
}

// TCP_MAXRTMS counts in milliseconds where it exists, TCP_MAXRT in seconds. -1: Windows' own number of tries.
Error set_user_timeout(int descriptor, std::int32_t milliseconds) {
  constexpr int tcp_maxrt = 5;
  constexpr int tcp_maxrtms = 14;
  if (milliseconds == 0) return set_newer_option(descriptor, tcp_maxrt, -1);
  if (!set_newer_option(descriptor, tcp_maxrtms, milliseconds)) return {};
  return set_newer_option(descriptor, tcp_maxrt, milliseconds / 1000 + (milliseconds % 1000 != 0 ? 1 : 0));
}

Error local_end(int descriptor, PackedAddress& into) {
  return address_by(::getsockname, descriptor, into);
}
bool forgets_local_end() {
  return false;
}
Error remote_end(int descriptor, PackedAddress& into) {
  return address_by(::getpeername, descriptor, into);
}
Error text_of(const PackedAddress& address, IpAddress& into) {
  return from_socket_address(unpack(address), into);
}

}  // namespace portside::sockets

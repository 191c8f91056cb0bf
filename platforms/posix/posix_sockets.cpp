#include "posix_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "../../native/streams/refusals.h"
#include "posix_address.h"
#include "posix_errors.h"

namespace portside {

// setrlimit(2) does.
bool limit_sockets(std::uint32_t /*limit*/) {
  return false;
}

bool refuse_requests(std::uint32_t every) {
  refusals::every = every;
  return true;
}

}  // namespace portside

namespace portside::sockets {
namespace {

// Of a send to a connection that is being torn down; it may say so for ever.
constexpr unsigned most_tries = 8;

Error set_option(int descriptor, int level, int name, int value) {
  return ::setsockopt(descriptor, level, name, &value, sizeof(value)) == 0 ? Error{} : last_error();
}

// Some systems lower what is more than they allow, others refuse it (FreeBSD:
// ENOBUFS): there it is halved until it is allowed.
Error set_buffer_size(int descriptor, int name, int size) {
  Error error = set_option(descriptor, SOL_SOCKET, name, size);
  for (; error.code == ErrorCode::NOBUFS && size > 1; error = set_option(descriptor, SOL_SOCKET, name, size))
    size /= 2;
  return error;
}

Error apply(int descriptor, const SocketSettings& settings) {
  Error error;
  if (settings.receive_buffer_size > 0) {
    error = set_buffer_size(descriptor, SO_RCVBUF, settings.receive_buffer_size);
  }
  if (!error && settings.send_buffer_size > 0) {
    error = set_buffer_size(descriptor, SO_SNDBUF, settings.send_buffer_size);
  }
  if (!error && settings.no_delay) error = set_no_delay(descriptor, true);
  if (!error && settings.keep_alive.on) error = set_keep_alive(descriptor, settings.keep_alive);
  if (!error && settings.user_timeout > 0) error = set_user_timeout(descriptor, settings.user_timeout);
  return error;
}

Error bind_to(int descriptor, const IpAddress& address) {
  SocketAddress at;
  if (const Error error = to_socket_address(address, at)) return error;
  return ::bind(descriptor, at.get(), at.size) == 0 ? Error{} : last_error();
}

int family_of(const IpAddress& address) {
  return address.is_ipv6 ? AF_INET6 : AF_INET;
}

// A port that was chosen is good for one connection to each peer, and again at once after the last one; a
// listener's stays its own. Without one, the OS chooses when it knows where the connection goes to.
Error bind_connecting(int descriptor, const IpAddress& local) {
  if (local.port == 0) {
    room_choose_port_late(descriptor);
  } else if (!room_share_port(descriptor)) {
    return last_error();
  }
  return bind_to(descriptor, local);
}

// Whether this machine has an address to go there from, whatever the port. A datagram socket that is
// connected sends nothing.
bool has_source_for(const SocketAddress& to) {
  const Descriptor probe(::socket(to.storage.ss_family, SOCK_DGRAM, 0));
  return probe.get() >= 0 && ::connect(probe.get(), to.get(), to.size) == 0;
}

// The kernel says the same where the local port that was chosen has a connection to that very peer already,
// and where it has no address to go there from (where IPv6 is switched off, say).
Error connect_error(const ConnectParameters& parameters, const SocketAddress& to) {
  const Error error = last_error();
  const bool chosen = parameters.local && parameters.local->port != 0;
  if (!chosen || error.code != ErrorCode::ADDRNOTAVAIL || !has_source_for(to)) return error;
  return {ErrorCode::ADDRINUSE, error.native};
}

// Where IPv6 sockets take no IPv4, "every address" cannot be had by one of them: listen() then does without
// IPv6.
Error choose_families(int descriptor, const ListenParameters& parameters) {
  if (room_has_dual_stack() || parameters.ipv6_only) {
    return set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, parameters.ipv6_only ? 1 : 0);
  }
  return parameters.address.text == "::" ? Error{ErrorCode::AFNOSUPPORT, 0} : Error{};
}

Error prepare_listener(int descriptor, const ListenParameters& parameters) {
  // A restarted server takes its port again while old connections linger in TIME_WAIT, as every server
  // expects.
  Error error = set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (!error && parameters.reuse_port) {
    error = set_option(descriptor, SOL_SOCKET, room_reuse_port_option(), 1);
  }
  if (!error && parameters.address.is_ipv6) error = choose_families(descriptor, parameters);
  if (!error) error = apply(descriptor, parameters.settings);
  return error;
}

using AddressCall = int (*)(int, sockaddr*, socklen_t*);

Error address_by(AddressCall call, int descriptor, PackedAddress& into) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  if (call(descriptor, address.get(), &address.size) != 0) return last_error();
  into = pack(address);
  return {};
}

}  // namespace

Made make_listener(const ListenParameters& parameters) {
  Descriptor listener = room_socket(family_of(parameters.address));
  if (listener.get() < 0) return {-1, last_error(), "socket"};
  if (const Error error = prepare_listener(listener.get(), parameters)) return {-1, error, "setsockopt"};
  if (const Error error = bind_to(listener.get(), parameters.address)) return {-1, error, "bind"};
  if (::listen(listener.get(), parameters.backlog) != 0) return {-1, last_error(), "listen"};
  return {listener.release(), {}, ""};
}

Made make_connecting(const ConnectParameters& parameters) {
  SocketAddress to;
  if (const Error error = to_socket_address(parameters.address, to)) return {-1, error, "connect"};
  Descriptor connecting = room_socket(family_of(parameters.address));
  if (connecting.get() < 0) return {-1, last_error(), "socket"};
  if (const Error error = apply(connecting.get(), parameters.settings)) return {-1, error, "setsockopt"};
  if (parameters.local) {
    if (const Error error = bind_connecting(connecting.get(), *parameters.local)) return {-1, error, "bind"};
  }
  // An interrupted connect goes on by itself (connect(2), EINTR), just as one in progress does.
  if (::connect(connecting.get(), to.get(), to.size) != 0 && errno != EINPROGRESS && errno != EINTR) {
    return {-1, connect_error(parameters, to), "connect"};
  }
  return {connecting.release(), {}, ""};
}

Error connect_result(int descriptor) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return last_error();
  if (error != 0) return error_of(error);
  // Some systems report an event before the connection stands.
  SocketAddress peer;
  peer.size = sizeof(peer.storage);
  if (::getpeername(descriptor, peer.get(), &peer.size) == 0) return {};
  return errno == ENOTCONN ? Error{ErrorCode::INPROGRESS, errno} : last_error();
}

Made accept(int listener, PackedAddress& peer) {
  SocketAddress address;
  int accepted = -1;
  do {
    address.size = sizeof(address.storage);
    accepted = room_accept(listener, address.get(), &address.size);
  } while (accepted < 0 && errno == EINTR);
  if (accepted < 0) return {-1, last_error(), "accept"};
  // A peer that has left meanwhile is nobody on some systems: an address of no bytes.
  if (address.size > 0) peer = pack(address);
  return {accepted, {}, ""};
}

// accept(2): on some systems the new connection's own pending errors come out of accept.
bool is_accept_transient(ErrorCode code) {
  switch (code) {
    case ErrorCode::CONNABORTED:
    case ErrorCode::CONNRESET:
    case ErrorCode::PROTO:
    case ErrorCode::PERM:
    case ErrorCode::NETDOWN:
    case ErrorCode::NOPROTOOPT:
    case ErrorCode::HOSTDOWN:
    case ErrorCode::HOSTUNREACH:
    case ErrorCode::OPNOTSUPP:
    case ErrorCode::NETUNREACH:
    case ErrorCode::TIMEDOUT:
      return true;
    default:
      return false;
  }
}

Moved receive(int descriptor, std::span<std::uint8_t> into) {
  if (refusals::strikes()) return {0, error_of(ENOBUFS)};
  ssize_t bytes = 0;
  do {
    bytes = ::recv(descriptor, into.data(), into.size(), 0);
  } while (bytes < 0 && errno == EINTR);
  if (bytes < 0) return {0, last_error()};
  return {static_cast<std::size_t>(bytes), {}};
}

namespace {

ssize_t send_gathered(int descriptor, std::span<const Bytes> parts) {
  std::array<iovec, max_parts> vectors;
  const auto count = std::min(parts.size(), vectors.size());
  for (std::size_t i = 0; i < count; i++) {
    vectors[i] = {const_cast<std::uint8_t*>(parts[i].data()), parts[i].size()};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  return ::sendmsg(descriptor, &message, room_send_flags());
}

// Why nothing can be sent any more: once a connection is down, send() itself says only that it is.
Error why_broken(int descriptor) {
  int error = 0;
  socklen_t size = sizeof(error);
  const bool knows = ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0;
  return error_of(knows ? error : EPIPE);
}

}  // namespace

Moved send(int descriptor, std::span<const Bytes> parts) {
  if (refusals::strikes()) return {0, error_of(ENOBUFS)};
  ssize_t bytes = 0;
  unsigned tries = 0;
  do {
    bytes = parts.size() == 1 ? ::send(descriptor, parts[0].data(), parts[0].size(), room_send_flags())
                              : send_gathered(descriptor, parts);
  } while (bytes < 0 && (errno == EINTR || (room_is_torn_down(errno) && ++tries < most_tries)));
  if (bytes >= 0) return {static_cast<std::size_t>(bytes), {}};
  if (room_is_torn_down(errno)) return {0, {ErrorCode::CONNRESET, errno}};
  return {0, errno == EPIPE ? why_broken(descriptor) : last_error()};
}

// Of a connection that its peer has reset the BSDs say EINVAL.
Error shutdown_sending(int descriptor) {
  if (refusals::strikes()) return error_of(ENOBUFS);
  if (::shutdown(descriptor, SHUT_WR) == 0) return {};
  return errno == EINVAL ? Error{ErrorCode::NOTCONN, errno} : last_error();
}

// Not tried again after EINTR: the descriptor is gone then, and its number may be someone else's (close(2)).
void close(int descriptor) {
  if (room_ends_unread(descriptor)) prepare_reset(descriptor);
  (void)::close(descriptor);
}

void prepare_reset(int descriptor) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

bool is_gone(int descriptor) {
  SocketAddress peer;
  peer.size = sizeof(peer.storage);
  return ::getpeername(descriptor, peer.get(), &peer.size) != 0;
}

Error set_no_delay(int descriptor, bool on) {
  return set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}

namespace {

// In whole seconds.
Error set_probing(int descriptor, int option, std::int32_t value) {
  if (option < 0) return {ErrorCode::NOTSUP, 0};
  return set_option(descriptor, IPPROTO_TCP, option, value);
}

}  // namespace

// Switched on last: what is refused must not be half done.
Error set_keep_alive(int descriptor, const KeepAlive& wanted) {
  if (!wanted.on) return set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 0);
  const KeepAliveOptions options = room_keep_alive_options();
  Error error;
  if (wanted.count > 0) error = set_probing(descriptor, options.count, wanted.count);
  if (!error && wanted.interval > 0)
    error = set_probing(descriptor, options.interval, wanted.interval / 1000);
  if (!error && wanted.delay > 0 && options.delay >= 0)
    error = set_probing(descriptor, options.delay, wanted.delay / 1000);
  return error ? error : set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
}

Error set_user_timeout(int descriptor, std::int32_t milliseconds) {
  const UserTimeoutOption option = room_user_timeout_option();
  if (option.name < 0) return {ErrorCode::NOTSUP, 0};
  const auto units = milliseconds / option.milliseconds + (milliseconds % option.milliseconds != 0 ? 1 : 0);
  return set_option(descriptor, IPPROTO_TCP, option.name, units);
}

Error local_end(int descriptor, PackedAddress& into) {
  return address_by(::getsockname, descriptor, into);
}
Error remote_end(int descriptor, PackedAddress& into) {
  return address_by(::getpeername, descriptor, into);
}
Error text_of(const PackedAddress& address, IpAddress& into) {
  return from_socket_address(unpack(address), into);
}

}  // namespace portside::sockets

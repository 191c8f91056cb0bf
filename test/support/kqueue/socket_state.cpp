#include "socket_state.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <optional>

#include "knote.h"

namespace kq {
namespace {

// The system call itself: the library's own getsockopt() answers from what is kept here.
int option_of(int descriptor, int level, int name, int otherwise) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::syscall(SYS_getsockopt, descriptor, level, name, &value, &size) == 0 ? value : otherwise;
}

std::optional<tcp_info> tcp_info_of(int descriptor) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::syscall(SYS_getsockopt, descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return info;
}

// Numbers of the kernel's own, which <netinet/tcp.h> names and <linux/tcp.h> does not.
enum TcpState {
  established = 1,
  fin_wait_1 = 4,
  fin_wait_2,
  time_wait,
  closed,
  close_wait,
  last_ack,
  listening,
  closing
};

bool has_sent_fin(int state) {
  return state == fin_wait_1 || state == fin_wait_2 || state == time_wait || state == last_ack ||
         state == closing;
}

struct Kept {
  Identity identity;
  int error = 0;
};
// Never destroyed: other threads, and what ends after them, may still call.
auto& errors_lock = *new std::mutex;
auto& errors = *new std::map<int, Kept>;

int kept(int descriptor, bool take) {
  const std::scoped_lock guard(errors_lock);
  const auto found = errors.find(descriptor);
  if (found == errors.end()) return 0;
  const int error = found->second.identity == identity_of(descriptor) ? found->second.error : 0;
  if (take || error == 0) errors.erase(found);
  return error;
}

}  // namespace

void keep_error(int descriptor, int error) {
  const auto identity = identity_of(descriptor);
  const std::scoped_lock guard(errors_lock);
  if (identity) errors[descriptor] = {*identity, error};
}

int kept_error(int descriptor) {
  return kept(descriptor, false);
}

int take_error(int descriptor) {
  return kept(descriptor, true);
}

bool is_gone(int descriptor) {
  const auto tcp = tcp_info_of(descriptor);
  return tcp && tcp->tcpi_state == closed;
}

bool was_reset(int descriptor) {
  const auto tcp = tcp_info_of(descriptor);
  return tcp && tcp->tcpi_state == closed && (tcp->tcpi_segs_out != 0 || tcp->tcpi_segs_in != 0);
}

SocketState state_of(int descriptor) {
  SocketState state;
  state.is_socket = option_of(descriptor, SOL_SOCKET, SO_TYPE, -1) >= 0;
  // Before poll(): what comes in between makes another event.
  if (const auto tcp = tcp_info_of(descriptor)) {
    state.listens = tcp->tcpi_state == listening;
    state.pending = state.listens ? static_cast<int>(tcp->tcpi_unacked) : 0;
    state.is_new = tcp->tcpi_state == closed && tcp->tcpi_segs_out == 0 && tcp->tcpi_segs_in == 0;
    state.end_of_output = has_sent_fin(tcp->tcpi_state);
    state.received = tcp->tcpi_bytes_received;
    state.acknowledged = tcp->tcpi_bytes_acked;
  }
  pollfd poll{.fd = descriptor, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP, .revents = 0};
  (void)::poll(&poll, 1, 0);
  state.readable = (poll.revents & POLLIN) != 0;
  state.writable = (poll.revents & POLLOUT) != 0;
  state.urgent = (poll.revents & POLLPRI) != 0;
  state.end_of_input = (poll.revents & (POLLRDHUP | POLLHUP)) != 0 && !state.is_new;
  state.end_of_output |= (poll.revents & POLLHUP) != 0 && !state.is_new;
  if (state.is_socket && (poll.revents & POLLERR) != 0) {
    // A reset after the peer's FIN: Linux calls it EPIPE, the BSDs what it is.
    const int error = option_of(descriptor, SOL_SOCKET, SO_ERROR, 0);
    if (error != 0) keep_error(descriptor, error == EPIPE ? ECONNRESET : error);
  }
  state.error = state.is_socket ? kept_error(descriptor) : 0;
  return state;
}

}  // namespace kq

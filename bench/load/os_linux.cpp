// The only file of the load generator that knows its operating system.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "clock.h"
#include "os.h"

namespace os {

namespace {
constexpr std::size_t destinations = 64;
}

void raiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int startConnect(std::uint16_t port, std::size_t destination) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(destination % destinations));
  const int result = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (result == 0 || errno == EINPROGRESS) return descriptor;
  ::close(descriptor);
  return -1;
}

void close(int descriptor, bool reset) {
  if (reset) {
    const linger abort{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  }
  ::close(descriptor);
}

namespace {
Transfer outcome(ssize_t result) {
  if (result > 0) return {Result::bytes, static_cast<std::size_t>(result)};
  if (result == 0) return {Result::end, 0};
  return {errno == EAGAIN ? Result::wouldBlock : Result::broken, 0};
}
}  // namespace

Transfer send(int descriptor, std::span<const std::byte> data) {
  return outcome(::send(descriptor, data.data(), data.size(), MSG_NOSIGNAL));
}

Transfer receive(int descriptor, std::span<std::byte> buffer) {
  return outcome(::recv(descriptor, buffer.data(), buffer.size(), 0));
}

Queue::Queue() : descriptor_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (descriptor_ >= 0) return;
  std::perror("epoll_create1");
  std::exit(1);
}

Queue::~Queue() {
  ::close(descriptor_);
}

bool Queue::add(int descriptor, std::uint32_t token) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u32 = token;
  return ::epoll_ctl(descriptor_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

std::span<const std::uint32_t> Queue::wait(int timeoutMilliseconds) {
  epoll_event events[capacity];
  // A look without sleeping first: only a wait that found nothing counts as time spent blocked.
  int count = ::epoll_wait(descriptor_, events, capacity, 0);
  if (count == 0) {
    const std::uint64_t before = nanoseconds();
    count = ::epoll_wait(descriptor_, events, capacity, timeoutMilliseconds);
    blocked_ += nanoseconds() - before;
  }
  if (count < 0) count = 0;
  for (int index = 0; index < count; index++)
    tokens_[index] = events[index].data.u32;
  return {tokens_, static_cast<std::size_t>(count)};
}

}  // namespace os

#include "epoll_poller.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "../posix/posix_errors.h"

namespace portside {
namespace {

constexpr std::uint64_t wakeup_tag = ~std::uint64_t{0};

}  // namespace

EpollPoller::~EpollPoller() {
  if (epoll_ >= 0) ::close(epoll_);
  if (wakeup_ >= 0) ::close(wakeup_);
}

Error EpollPoller::open() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  return epoll_ >= 0 ? Error{} : last_error();
}

Error EpollPoller::prepare_to_block() {
  wakeup_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wakeup_ < 0) return last_error();
  return add(wakeup_, wakeup_tag, EPOLLIN);
}

Error EpollPoller::add_connecting(int descriptor, std::uint64_t tag) {
  return add_stream(descriptor, tag);
}

Error EpollPoller::add_stream(int descriptor, std::uint64_t tag) {
  return add(descriptor, tag, EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET);
}

Error EpollPoller::add_listener(int descriptor, std::uint64_t tag) {
  return add(descriptor, tag, EPOLLIN | EPOLLET);
}

// EPOLLOUT's edge comes only after a full buffer, so it is asked for once and for all.
Error EpollPoller::await_room(int /*descriptor*/, std::uint64_t /*tag*/) {
  return {};
}

Error EpollPoller::add(int descriptor, std::uint64_t tag, std::uint32_t interest) const {
  epoll_event event{};
  event.events = interest;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0 ? Error{} : last_error();
}

// close() takes the descriptor out by itself (epoll(7), question 6): nothing holds a duplicate of ours.
void EpollPoller::remove(int /*descriptor*/) {}

std::span<const ReadyEvent> EpollPoller::wait() {
  int count = 0;
  do {
    count = ::epoll_wait(epoll_, kernel_events_.data(), static_cast<int>(events_per_wait), 0);
  } while (count < 0 && errno == EINTR);
  std::size_t kept = 0;
  for (int i = 0; i < count; i++) {
    const auto& event = kernel_events_[static_cast<std::size_t>(i)];
    if (event.data.u64 == wakeup_tag) {
      eventfd_t ignored = 0;
      (void)::eventfd_read(wakeup_, &ignored);
      continue;
    }
    events_[kept++] = {.tag = event.data.u64,
                       .readable = (event.events & EPOLLIN) != 0,
                       .writable = (event.events & EPOLLOUT) != 0,
                       .hung_up = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                       .urgent = (event.events & EPOLLPRI) != 0};
  }
  return {events_.data(), kept};
}

// An epoll descriptor can itself be polled, beside the engine's own waits, and taking nothing from them.
void EpollPoller::block(int timeout) noexcept {
  pollfd waiting{.fd = epoll_, .events = POLLIN, .revents = 0};
  while (::poll(&waiting, 1, timeout) < 0 && errno == EINTR) {
  }
}

void EpollPoller::wake() noexcept {
  (void)::eventfd_write(wakeup_, 1);
}

}  // namespace portside

// kqueue(), kevent(), and the close() that gives a kqueue's parts back. Only what is linked with this library
// sees that close(), and it works for kqueues that are closed elsewhere, too, once their number is used
// again.
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include "queue.h"

namespace kq {
namespace {

// Never destroyed: other threads, and what ends after them, may still call.
auto& queues_lock = *new std::mutex;
auto& queues = *new std::map<int, std::shared_ptr<Queue>>;

std::shared_ptr<Queue> queue_of(int descriptor) {
  const std::scoped_lock guard(queues_lock);
  const auto found = queues.find(descriptor);
  return found != queues.end() && ::fcntl(descriptor, F_GETFD) >= 0 ? found->second : nullptr;
}

using Clock = std::chrono::steady_clock;

// Milliseconds to sleep, rounded up as a kernel does to its ticks; −1: for ever.
int sleep_until(const timespec* timeout, Clock::time_point begin) {
  if (!timeout) return -1;
  const auto asked = std::chrono::seconds(timeout->tv_sec) + std::chrono::nanoseconds(timeout->tv_nsec);
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(asked);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(begin + whole - Clock::now()).count();
  return static_cast<int>(std::clamp<long>(left, 0, 0x7fffffff));
}

}  // namespace
}  // namespace kq

extern "C" int kqueue() {
  auto queue = std::make_shared<kq::Queue>();
  const int descriptor = queue->descriptor();
  if (descriptor < 0) return -1;
  const std::scoped_lock guard(kq::queues_lock);
  auto& place = kq::queues[descriptor];
  if (place) place->disown_descriptor();
  place = std::move(queue);
  return descriptor;
}

extern "C" int kevent(int kq, const struct kevent* changes, int change_count, struct kevent* events,
                      int event_count, const timespec* timeout) {
  const auto queue = kq::queue_of(kq);
  if (!queue) {
    errno = EBADF;
    return -1;
  }
  const auto begin = kq::Clock::now();
  std::span given{changes, static_cast<std::size_t>(std::max(change_count, 0))};
  const std::span room{events, static_cast<std::size_t>(std::max(event_count, 0))};
  for (;;) {
    bool answered = false;
    const int count = queue->call(given, room, answered);
    if (count != 0 || answered || room.empty()) return count;
    const int left = kq::sleep_until(timeout, begin);
    if (left == 0) return 0;
    pollfd waiting{.fd = queue->pollable(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, left) < 0) return -1;
    given = {};
  }
}

extern "C" __attribute__((visibility("hidden"))) int close(int descriptor) {
  std::shared_ptr<kq::Queue> closing;
  {
    const std::scoped_lock guard(kq::queues_lock);
    const auto found = kq::queues.find(descriptor);
    if (found != kq::queues.end()) {
      closing = std::move(found->second);
      kq::queues.erase(found);
    }
  }
  // The queue closes its own descriptor, through the call below.
  if (closing) return 0;
  return static_cast<int>(::syscall(SYS_close, descriptor));
}

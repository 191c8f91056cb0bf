#include "kqueue_poller.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <ctime>
#include <limits>

#include "../posix/posix_errors.h"

namespace portside {
namespace {

constexpr std::uint64_t wakeup_tag = ~std::uint64_t{0};
constexpr std::uint64_t removal_tag = wakeup_tag - 1;

// Milliseconds between looks at a kqueue that cannot be polled.
constexpr int look_every = 2;

constexpr timespec no_time{};
constexpr timespec soon{.tv_sec = 0, .tv_nsec = 100'000'000};  // for what must come, by whatever thread

// The members' types differ from system to system; `udata` is a pointer on most, an integer on others.
using Event = struct kevent;
using UserData = decltype(Event::udata);
static_assert(sizeof(UserData) >= sizeof(std::uint64_t), "a tag has to fit");

std::uint64_t tag_of(const Event& event) {
  return (std::uint64_t)event.udata;  // the one cast that fits both
}

Event change(int ident, int filter, int flags, std::uint64_t tag) {
  Event event{};
  event.ident = static_cast<decltype(event.ident)>(ident);
  event.filter = static_cast<decltype(event.filter)>(filter);
  event.flags = static_cast<decltype(event.flags)>(flags);
  event.udata = (UserData)tag;
  return event;
}

// What an event says went wrong: its own failure, or with EV_EOF the socket's error (kqueue(2)).
Error error_in(const Event& event) {
  if ((event.flags & EV_ERROR) != 0) return error_of(static_cast<int>(event.data));
  if ((event.flags & EV_EOF) != 0 && event.fflags != 0) return error_of(static_cast<int>(event.fflags));
  return {};
}

bool is_urgent([[maybe_unused]] const Event& event) {
#ifdef EV_OOBAND
  return (event.flags & EV_OOBAND) != 0;
#else
  return false;  // `unread` counts what lies behind urgent data, too
#endif
}

std::uint32_t unread_in(const Event& event) {
  constexpr auto most = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(event.data, 0, most));
}

bool is_ready(int descriptor, int timeout) {
  pollfd polled{.fd = descriptor, .events = POLLIN, .revents = 0};
  int count = 0;
  do {
    count = ::poll(&polled, 1, timeout);
  } while (count < 0 && errno == EINTR);
  return count == 1 && (polled.revents & POLLIN) != 0;
}

ReadyEvent ready_event(const Event& event) {
  const bool reads = event.filter == EVFILT_READ;
  const bool failed = (event.flags & EV_ERROR) != 0;
  return {.tag = tag_of(event),
          .readable = reads,
          .writable = event.filter == EVFILT_WRITE,
          .hung_up = failed || (event.flags & EV_EOF) != 0,
          .urgent = reads && is_urgent(event),
          .unread = reads && !failed ? unread_in(event) : 0,
          .error = error_in(event)};
}

}  // namespace

KqueuePoller::~KqueuePoller() {
  for (const int descriptor : {kqueue_, wakeup_read_, wakeup_write_}) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

Error KqueuePoller::open() {
  kqueue_ = ::kqueue();
  if (kqueue_ < 0 || ::fcntl(kqueue_, F_SETFD, FD_CLOEXEC) != 0) return last_error();
  if (!add_user_event() || !wakes()) {
    if (const Error error = open_pipe()) return error;
    if (!wakes()) return {ErrorCode::NOSYS, 0};
  }
  // Ready when there is something, and only then.
  const bool always_ready = is_ready(kqueue_, 0);
  wake();
  pollable_ = !always_ready && is_ready(kqueue_, 0);
  (void)wait();
  return pollable_ || wakeup_write_ >= 0 ? Error{} : open_pipe();
}

// Whether a wake comes back as the event it is.
bool KqueuePoller::wakes() {
  wake();
  KernelEvent event{};
  const bool came = ::kevent(kqueue_, nullptr, 0, &event, 1, &soon) == 1 && tag_of(event) == wakeup_tag;
  woken();
  return came;
}

// Costs no descriptor. Some kernels refuse it, with or without a name in their headers.
bool KqueuePoller::add_user_event() const {
#ifdef EVFILT_USER
  const Event user = change(0, EVFILT_USER, EV_ADD | EV_CLEAR, wakeup_tag);
  return ::kevent(kqueue_, &user, 1, nullptr, 0, &no_time) == 0;
#else
  return false;
#endif
}

Error KqueuePoller::open_pipe() {
  int ends[2];
  if (::pipe(ends) != 0) return last_error();
  wakeup_read_ = ends[0];
  wakeup_write_ = ends[1];
  for (const int end : ends) {
    if (::fcntl(end, F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(end, F_SETFL, O_NONBLOCK) != 0) return last_error();
  }
  const Event reading = change(wakeup_read_, EVFILT_READ, EV_ADD | EV_CLEAR, wakeup_tag);
  return ::kevent(kqueue_, &reading, 1, nullptr, 0, &no_time) == 0 ? Error{} : last_error();
}

Error KqueuePoller::add_connecting(int descriptor, std::uint64_t tag) {
  changes_.push_back(change(descriptor, EVFILT_WRITE, EV_ADD | EV_ONESHOT, tag));
  return add_stream(descriptor, tag);
}

Error KqueuePoller::add_stream(int descriptor, std::uint64_t tag) {
  changes_.push_back(change(descriptor, EVFILT_READ, EV_ADD | EV_CLEAR, tag));
  return apply();
}

Error KqueuePoller::add_listener(int descriptor, std::uint64_t tag) {
  changes_.push_back(change(descriptor, EVFILT_READ, EV_ADD | EV_CLEAR, tag));
  return apply();
}

// For one event only: a kernel's EVFILT_WRITE would go on to tell of every acknowledgement, room or not.
Error KqueuePoller::await_room(int descriptor, std::uint64_t tag) {
  changes_.push_back(change(descriptor, EVFILT_WRITE, EV_ADD | EV_ONESHOT, tag));
  return apply();
}

// A kernel drops a closed descriptor's filters by itself (kqueue(2)); libraries that stand in for one may
// not, and would meet whoever gets the number next. They are told while the number is still ours.
void KqueuePoller::remove(int descriptor) {
  if (is_kernels) return;
  changes_.push_back(change(descriptor, EVFILT_READ, EV_DELETE, removal_tag));
  changes_.push_back(change(descriptor, EVFILT_WRITE, EV_DELETE, removal_tag));
  (void)apply();
}

// One call for all changes. EV_RECEIPT has each answered by itself, so that one that fails (the removal of a
// filter that is not there) does not keep the other from being applied; with no more room than for the
// answers, the call takes no events.
Error KqueuePoller::apply() {
  for (auto& each : changes_)
    each.flags |= EV_RECEIPT;
  receipts_.resize(changes_.size());
  const auto size = static_cast<int>(changes_.size());
  int count = 0;
  do {
    count = ::kevent(kqueue_, changes_.data(), size, receipts_.data(), size, &no_time);
  } while (count < 0 && errno == EINTR);
  changes_.clear();
  if (count < 0) return last_error();
  for (const auto& receipt : std::span(receipts_).first(static_cast<std::size_t>(count))) {
    if (tag_of(receipt) != removal_tag && (receipt.flags & EV_ERROR) != 0 && receipt.data != 0)
      return error_in(receipt);
  }
  return {};
}

std::span<const ReadyEvent> KqueuePoller::wait() {
  int count = taken_.load(std::memory_order_acquire);
  if (count > 0) {
    kernel_events_ = taken_events_;
    taken_.store(0, std::memory_order_release);
  } else {
    do {
      count =
          ::kevent(kqueue_, nullptr, 0, kernel_events_.data(), static_cast<int>(events_per_wait), &no_time);
    } while (count < 0 && errno == EINTR);
  }
  if (!pollable_) woken();
  std::size_t kept = 0;
  for (int i = 0; i < count; i++) {
    const auto& event = kernel_events_[static_cast<std::size_t>(i)];
    if (tag_of(event) == wakeup_tag) {
      woken();
    } else {
      events_[kept] = ready_event(event);
      // What is no kernel's may keep silent of an end that lies behind data: receives go on until EAGAIN.
      events_[kept++].urgent |= !pollable_;
    }
  }
  return {events_.data(), kept};
}

// A kernel's kqueue can itself be polled, beside the engine's own waits, and taking nothing from them. Of
// what cannot be polled we look for events again and again, and keep them for wait(): asleep in kevent(),
// some libraries hold a lock that wake() needs.
void KqueuePoller::block(int timeout) noexcept {
  if (pollable_) {
    (void)is_ready(kqueue_, timeout);
    return;
  }
  for (int left = timeout; taken_.load(std::memory_order_acquire) == 0; left -= look_every) {
    const int count =
        ::kevent(kqueue_, nullptr, 0, taken_events_.data(), static_cast<int>(events_per_wait), &no_time);
    if (count > 0) taken_.store(count, std::memory_order_release);
    if (count > 0 || (timeout >= 0 && left <= 0)) return;
    if (is_ready(wakeup_read_, timeout < 0 ? look_every : std::min(left, look_every))) return;
  }
}

void KqueuePoller::wake() noexcept {
#ifdef EVFILT_USER
  if (wakeup_write_ < 0) {
    Event trigger = change(0, EVFILT_USER, 0, wakeup_tag);
    trigger.fflags = NOTE_TRIGGER;
    (void)::kevent(kqueue_, &trigger, 1, nullptr, 0, &no_time);
    return;
  }
#endif
  // One byte at most: what is left of many, while they are read, is news to some kernels, and a turn for
  // nothing.
  if (wake_is_under_way_.exchange(true)) return;
  const char byte = 0;
  (void)!::write(wakeup_write_, &byte, 1);
}

// EVFILT_USER clears itself. A pipe is emptied, for its next byte to be a change.
void KqueuePoller::woken() {
  if (wakeup_read_ < 0) return;
  std::array<char, 16> bytes;
  while (::read(wakeup_read_, bytes.data(), bytes.size()) > 0) {
  }
  // Not before: a byte that came between would be read as well, and nobody would write another one. Who wakes
  // until here is heard by the turn that asked; the exchange makes his work visible to it.
  (void)wake_is_under_way_.exchange(false);
}

}  // namespace portside

#include "queue.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace kq {
namespace {

constexpr std::uint64_t timer_mark = std::uint64_t{1} << 62;

bool watches_descriptor(std::int16_t filter) {
  return filter == EVFILT_READ || filter == EVFILT_WRITE;
}

bool is_known(std::int16_t filter) {
#ifdef EVFILT_USER
  if (filter == EVFILT_USER) return true;
#endif
  return watches_descriptor(filter) || filter == EVFILT_TIMER;
}

void put(int epoll, int descriptor, std::uint32_t interest) {
  epoll_event event{};
  event.events = interest;
  (void)::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

struct kevent answer_to(const struct kevent& change, int error) {
  struct kevent answer = change;
  answer.flags = EV_ERROR;
  answer.data = error;
  return answer;
}

}  // namespace

Queue::Queue()
    : whole_(::epoll_create1(EPOLL_CLOEXEC)),
      reads_(::epoll_create1(EPOLL_CLOEXEC)),
      writes_(::epoll_create1(EPOLL_CLOEXEC)),
      due_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (const int part : {reads_, writes_, due_})
    put(whole_, part, EPOLLIN);
#ifdef KQUEUE_OPAQUE
  opaque_ = ::eventfd(0, EFD_CLOEXEC);  // never readable
#endif
}

Queue::~Queue() {
  for (const auto& [key, knote] : knotes_) {
    if (knote.timer >= 0) ::close(knote.timer);
  }
  for (const int part : {opaque_, whole_, reads_, writes_, due_}) {
    if (part >= 0) ::close(part);
  }
}

int Queue::call(std::span<const struct kevent> changes, std::span<struct kevent> events, bool& answered) {
  const std::scoped_lock guard(lock_);
  std::size_t count = 0;
  for (const auto& each : changes) {
    const int error = change(each);
    if (error == 0 && (each.flags & EV_RECEIPT) == 0) continue;
    if (count < events.size()) {
      events[count++] = answer_to(each, error);
    } else if (error != 0) {
      announce();
      errno = error;
      return -1;
    }
  }
  answered = count > 0;
  pull();
  if (!answered) count = collect(events);
  announce();
  return static_cast<int>(count);
}

// --- changes ---

int Queue::change(const struct kevent& change) {
  if (!is_known(change.filter)) return EINVAL;
  if (watches_descriptor(change.filter) && ::fcntl(static_cast<int>(change.ident), F_GETFD) < 0) return EBADF;
  auto at = knotes_.find({change.ident, change.filter});
  if (at != knotes_.end() && is_stale(at->second)) {
    remove(at);
    at = knotes_.end();
  }
  if ((change.flags & EV_DELETE) != 0) return at == knotes_.end() ? ENOENT : remove(at);
  if ((change.flags & EV_ADD) != 0) {
    if (const int error = add(change)) return error;
    at = knotes_.find({change.ident, change.filter});
  }
  if (at == knotes_.end()) return ENOENT;
  Knote& knote = at->second;
  if ((change.flags & EV_DISABLE) != 0) knote.enabled = false;
  if ((change.flags & EV_ENABLE) != 0 && !knote.enabled) {
    knote.enabled = true;
    knote.told.reset();
    activate(knote);
  }
#ifdef EVFILT_USER
  if (change.filter == EVFILT_USER && (change.fflags & NOTE_TRIGGER) != 0) activate(knote);
#endif
  return 0;
}

// A filter that is there already is changed, and looked at again.
int Queue::add(const struct kevent& change) {
  const auto [at, is_new] = knotes_.try_emplace({change.ident, change.filter});
  Knote& knote = at->second;
  knote.wanted = change;
  knote.told.reset();
  if (is_new || change.filter == EVFILT_TIMER) {
    if (const int error = watch(knote)) {
      knotes_.erase(at);
      return error;
    }
  }
  if (watches_descriptor(change.filter)) activate(knote);
  return 0;
}

int Queue::remove(std::map<Key, Knote>::iterator at) {
  unwatch(at->second);
  std::erase(active_, at->first);
  knotes_.erase(at);
  return 0;
}

int Queue::watch(Knote& knote) {
  epoll_event event{};
  event.data.u64 = knote.wanted.ident;
  int descriptor = knote.descriptor();
  if (knote.wanted.filter == EVFILT_TIMER) {
    // Milliseconds; NetBSD refuses none at all.
    if (knote.wanted.data <= 0) return EINVAL;
    if (knote.timer < 0) knote.timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (knote.timer < 0) return errno;
    const timespec period{.tv_sec = knote.wanted.data / 1000,
                          .tv_nsec = knote.wanted.data % 1000 * 1'000'000};
    const itimerspec times{.it_interval = period, .it_value = period};
    if (::timerfd_settime(knote.timer, 0, &times, nullptr) != 0) return errno;
    descriptor = knote.timer;
    event.data.u64 |= timer_mark;
  } else if (watches_descriptor(knote.wanted.filter)) {
    knote.identity = identity_of(descriptor).value_or(Identity{});
  } else {
    return 0;
  }
  const bool writes = knote.wanted.filter == EVFILT_WRITE;
  event.events = EPOLLET | (writes ? EPOLLOUT : EPOLLIN | EPOLLPRI | EPOLLRDHUP);
  const int result = ::epoll_ctl(writes ? writes_ : reads_, EPOLL_CTL_ADD, descriptor, &event);
  return result == 0 || errno == EEXIST ? 0 : errno;
}

void Queue::unwatch(const Knote& knote) {
  epoll_event ignored{};
  const int epoll = knote.wanted.filter == EVFILT_WRITE ? writes_ : reads_;
  if (watches_descriptor(knote.wanted.filter))
    (void)::epoll_ctl(epoll, EPOLL_CTL_DEL, knote.descriptor(), &ignored);
  if (knote.timer >= 0) ::close(knote.timer);
}

// Its descriptor is closed, and the number perhaps another's by now.
bool Queue::is_stale(const Knote& knote) const {
  return watches_descriptor(knote.wanted.filter) && identity_of(knote.descriptor()) != knote.identity;
}

// --- events ---

void Queue::activate(Knote& knote) {
  if (knote.active) return;
  knote.active = true;
  active_.push_back(knote.key());
}

void Queue::pull() {
  pull_from(reads_, EVFILT_READ);
  pull_from(writes_, EVFILT_WRITE);
}

void Queue::pull_from(int epoll, std::int16_t filter) {
  std::array<epoll_event, 64> events;
  int count = 0;
  do {
    count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; i++) {
      const auto mark = events[static_cast<std::size_t>(i)].data.u64;
      const bool is_timer = (mark & timer_mark) != 0;
      const auto at = knotes_.find({mark & ~timer_mark, is_timer ? std::int16_t{EVFILT_TIMER} : filter});
      if (at != knotes_.end()) activate(at->second);
    }
  } while (count == static_cast<int>(events.size()));
}

// Visits each active filter once at most; those for which there is no room keep their place.
std::size_t Queue::collect(std::span<struct kevent> events) {
  std::size_t count = 0;
  std::deque<Key> later;
  while (!active_.empty() && count < events.size()) {
    const Key key = active_.front();
    active_.pop_front();
    const auto at = knotes_.find(key);
    Knote& knote = at->second;
    if (is_stale(knote)) {
      remove(at);
      continue;
    }
    if (!knote.enabled) {
      later.push_back(key);
      continue;
    }
    const auto event = due(knote);
    knote.active = false;
    if (!event) continue;
    events[count++] = *event;
    if ((knote.wanted.flags & EV_ONESHOT) != 0) {
      remove(at);
    } else if ((knote.wanted.flags & EV_DISPATCH) != 0) {
      knote.enabled = false;
    } else if ((knote.wanted.flags & EV_CLEAR) == 0 && knote.wanted.filter != EVFILT_TIMER) {
      knote.active = true;
      later.push_back(key);
    }
  }
  active_.insert(active_.end(), later.begin(), later.end());
  return count;
}

std::optional<struct kevent> Queue::due(Knote& knote) {
  if (knote.wanted.filter == EVFILT_READ) return due_read(knote);
  if (knote.wanted.filter == EVFILT_WRITE) return due_write(knote);
  struct kevent event = knote.wanted;
  if (knote.timer >= 0) {
    std::uint64_t expiries = 0;
    if (::read(knote.timer, &expiries, sizeof(expiries)) != sizeof(expiries)) return std::nullopt;
    event.flags |= EV_CLEAR;
    event.data = static_cast<std::int64_t>(expiries);
  }
  return event;
}

// Whether an event is due, and not only a filter active that may have none.
bool Queue::has_due() {
  for (auto at = active_.begin(); at != active_.end();) {
    Knote& knote = knotes_.at(*at);
    Knote asked = knote;  // being asked is not being told
    if (!knote.enabled) {
      ++at;
    } else if (!watches_descriptor(at->second) || due(asked)) {
      return true;
    } else {
      knote.active = false;
      at = active_.erase(at);
    }
  }
  return false;
}

void Queue::announce() {
  eventfd_t ignored = 0;
  has_due() ? (void)::eventfd_write(due_, 1) : (void)::eventfd_read(due_, &ignored);
}

}  // namespace kq

// Each test is a case that was observed on a BSD kernel; the test library has to answer as that kernel did.
// What is a matter of the BSDs' sockets, and not of their kqueue, cannot be shown on Linux: docs/bsd.md lists
// it.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/event.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "connections.h"

namespace {

using Event = struct kevent;
constexpr timespec no_time{};
constexpr int edges = EV_ADD | EV_CLEAR;

Event change(int ident, int filter, int flags, std::int64_t data = 0) {
  Event event{};
  event.ident = static_cast<std::uintptr_t>(ident);
  event.filter = static_cast<std::int16_t>(filter);
  event.flags = static_cast<std::uint16_t>(flags);
  event.data = data;
  return event;
}

struct Events : std::vector<Event> {
  const Event* find(int filter) const {
    const auto at = std::ranges::find(*this, filter, &Event::filter);
    return at == end() ? nullptr : &*at;
  }
};

class Kqueue {
 public:
  Kqueue() { EXPECT(descriptor_ >= 0); }

  int descriptor() const { return descriptor_; }
  void close() { descriptor_.close(); }

  // kevent() as it is; the entries are in `events` afterwards.
  int call(std::vector<Event> changes, std::size_t room, Events& events,
           const timespec* timeout = &no_time) const {
    events.resize(room);
    const int count = ::kevent(descriptor_, changes.data(), static_cast<int>(changes.size()), events.data(),
                               static_cast<int>(room), timeout);
    events.resize(static_cast<std::size_t>(std::max(count, 0)));
    return count;
  }
  void apply(std::vector<Event> changes) const {
    Events none;
    EXPECT_EQUAL(call(std::move(changes), 0, none), 0);
  }
  Events wait(std::size_t room = 16) const {
    Events events;
    EXPECT(call({}, room, events) >= 0);
    return events;
  }
  void add_both(int descriptor) const {
    apply({change(descriptor, EVFILT_READ, edges), change(descriptor, EVFILT_WRITE, edges)});
  }
  bool is_pollable() const {
    pollfd waiting{.fd = descriptor_, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, 0) == 1;
  }

 private:
  Owned descriptor_{::kqueue()};
};

// A connection of which the kqueue has told that it can be written to.
struct Watched : Pair {
  Kqueue queue;
  Watched() {
    queue.add_both(ours);
    EXPECT(queue.wait().find(EVFILT_WRITE) != nullptr);
  }
};

void expect_end(const Event* event, int error, int data = -1) {
  EXPECT(event != nullptr);
  EXPECT((event->flags & EV_EOF) != 0);
  EXPECT_EQUAL(event->fflags, error);
  if (data >= 0) EXPECT_EQUAL(event->data, data);
}

int so_error(int descriptor) {
  int error = -1;
  socklen_t size = sizeof(error);
  EXPECT_EQUAL(::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size), 0);
  return error;
}

// An address at which nothing listens.
Owned refused() {
  Listening gone;
  gone.socket.close();
  Owned client = new_socket();
  EXPECT_EQUAL(gone.connect(client), -1);
  settle();
  return client;
}

// --- listeners ---

void listener_with_connections_pending() {
  Listening listener;
  Kqueue queue;
  queue.apply({change(listener.socket, EVFILT_READ, edges)});
  EXPECT_EQUAL(queue.wait().size(), 0);
  const Owned first = listener.client();
  const Owned second = listener.client();
  settle();
  const auto events = queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_READ);
  EXPECT_EQUAL(events[0].data, 2);
}

void client_resets_before_accept() {
  Listening listener;
  Kqueue queue;
  queue.apply({change(listener.socket, EVFILT_READ, edges)});
  Owned client = listener.client();
  settle();
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  EXPECT_EQUAL(::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
  client.close();
  settle();
  EXPECT(queue.wait().find(EVFILT_READ) != nullptr);
#ifndef KQUEUE_SPARSE
  EXPECT_EQUAL(::accept(listener.socket, nullptr, nullptr), -1);
  EXPECT_EQUAL(errno, ECONNABORTED);
#endif
}

// --- data ---

void an_edge_is_an_edge() {
  Watched pair;
  pair.peer_sends("abcdef");
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_READ);
  EXPECT_EQUAL(events[0].data, 6);
  EXPECT_EQUAL(pair.queue.wait().size(), 0);
  EXPECT_EQUAL(read_up_to(pair.ours, 2), 2);
  EXPECT_EQUAL(pair.queue.wait().size(), 0);
}

void more_data_while_unread_counts_all() {
  Watched pair;
  pair.peer_sends("abc");
  EXPECT_EQUAL(pair.queue.wait().size(), 1);
  pair.peer_sends("defg");
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].data, 7);
}

void adding_again_fires_again() {
  Watched pair;
  pair.peer_sends("abc");
  EXPECT_EQUAL(pair.queue.wait().size(), 1);
  pair.queue.apply({change(pair.ours, EVFILT_READ, edges)});
  EXPECT_EQUAL(pair.queue.wait().find(EVFILT_READ)->data, 3);
  pair.queue.apply({change(pair.ours, EVFILT_READ, EV_ENABLE)});
  EXPECT_EQUAL(pair.queue.wait().size(), 0);
}

void deleting_and_adding_fires() {
  Watched pair;
  pair.peer_sends("abc");
  EXPECT_EQUAL(pair.queue.wait().size(), 1);
  pair.queue.apply({change(pair.ours, EVFILT_READ, EV_DELETE), change(pair.ours, EVFILT_READ, edges)});
  EXPECT_EQUAL(pair.queue.wait().find(EVFILT_READ)->data, 3);
}

void without_clear_a_level_is_told_again() {
  Pair pair;
  Kqueue queue;
  queue.apply({change(pair.ours, EVFILT_READ, EV_ADD)});
  pair.peer_sends("abc");
  EXPECT_EQUAL(queue.wait().size(), 1);
  EXPECT_EQUAL(queue.wait().size(), 1);
  EXPECT_EQUAL(read_up_to(pair.ours, 3), 3);
  EXPECT_EQUAL(queue.wait().size(), 0);
}

// --- room ---

void first_write_event_tells_the_room() {
  Pair pair;
  Kqueue queue;
  queue.apply({change(pair.ours, EVFILT_WRITE, edges)});
  const auto events = queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT(events[0].data > 1024);
  EXPECT_EQUAL(queue.wait().size(), 0);
}

void data_make_no_write_event() {
  Watched pair;
  pair.peer_sends("abc");
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_READ);
}

void a_full_buffer_that_drains_fires() {
  Watched pair;
  const auto sent = fill(pair.ours);
  (void)pair.queue.wait();
  EXPECT_EQUAL(pair.queue.wait().size(), 0);
  std::size_t read = 0;
  while (read < sent) {
    read += read_up_to(pair.peer, sent);
    settle();
  }
  const auto* event = pair.queue.wait().find(EVFILT_WRITE);
  EXPECT(event != nullptr);
}

void a_full_buffer_that_half_drains_fires_once() {
  Watched pair;
  const auto sent = fill(pair.ours);
  (void)pair.queue.wait();
  for (std::size_t read = 0; read < sent / 2; settle())
    read += read_up_to(pair.peer, sent / 2 - read);
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_WRITE);
  EXPECT_EQUAL(pair.queue.wait().size(), 0);
}

void one_shot_is_one_event() {
  Pair pair;
  Kqueue queue;
  queue.apply({change(pair.ours, EVFILT_WRITE, EV_ADD | EV_ONESHOT)});
  EXPECT_EQUAL(queue.wait().find(EVFILT_WRITE)->filter, EVFILT_WRITE);
  EXPECT_EQUAL(::send(pair.ours, "abc", 3, 0), 3);
  settle();
  EXPECT_EQUAL(queue.wait().size(), 0);
  Events events;
  EXPECT_EQUAL(queue.call({change(pair.ours, EVFILT_WRITE, EV_DELETE)}, 1, events), 1);
  EXPECT_EQUAL(events[0].data, ENOENT);
}

// --- ends ---

void data_and_fin_are_one_event() {
  Watched pair;
  EXPECT_EQUAL(::send(pair.peer, "abc", 3, 0), 3);
  pair.peer_closes();
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_READ);
  expect_end(&events[0], 0, 3);
  EXPECT_EQUAL(read_up_to(pair.ours, 3), 3);
  EXPECT_EQUAL(pair.queue.wait().size(), 0);
  pair.queue.apply({change(pair.ours, EVFILT_READ, edges)});
  expect_end(pair.queue.wait().find(EVFILT_READ), 0, 0);
}

void peer_closed_makes_no_write_event() {
  Watched pair;
  pair.peer_closes();
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_READ);
  expect_end(&events[0], 0, 0);
}

void own_shutdown_of_writing() {
  Watched pair;
  EXPECT_EQUAL(::shutdown(pair.ours, SHUT_WR), 0);
  settle();
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_WRITE);
  expect_end(&events[0], 0);
}

void own_shutdown_of_reading() {
  Watched pair;
  EXPECT_EQUAL(::shutdown(pair.ours, SHUT_RD), 0);
  settle();
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_READ);
  expect_end(&events[0], 0);
}

// --- errors ---

void reset_by_peer() {
  Watched pair;
  pair.peer_resets();
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 2);
  expect_end(events.find(EVFILT_READ), ECONNRESET, 0);
  expect_end(events.find(EVFILT_WRITE), ECONNRESET);
}

void sent_to_a_closed_peer() {
  Watched pair;
  pair.peer_closes();
  expect_end(pair.queue.wait().find(EVFILT_READ), 0);
  EXPECT_EQUAL(::send(pair.ours, "x", 1, MSG_NOSIGNAL), 1);
  settle();
  const auto events = pair.queue.wait();
  expect_end(events.find(EVFILT_READ), ECONNRESET);
  expect_end(events.find(EVFILT_WRITE), ECONNRESET);
}

void an_unconnected_socket_makes_no_events() {
  const Owned fresh = new_socket();
  Kqueue queue;
  queue.add_both(fresh);
  EXPECT(!queue.is_pollable());
  EXPECT_EQUAL(queue.wait().size(), 0);
}

void connected_later() {
  Listening listener;
  const Owned client = new_socket();
  Kqueue queue;
  queue.add_both(client);
  EXPECT_EQUAL(queue.wait().size(), 0);
  (void)listener.connect(client);
  settle();
  const auto events = queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_WRITE);
  EXPECT_EQUAL(events[0].flags & EV_EOF, 0);
  EXPECT(events[0].data > 1024);
  EXPECT_EQUAL(so_error(client), 0);
}

void connect_refused() {
  const Owned client = refused();
  Kqueue queue;
  queue.add_both(client);
  const auto events = queue.wait();
  EXPECT_EQUAL(events.size(), 2);
  expect_end(events.find(EVFILT_READ), ECONNREFUSED);
  expect_end(events.find(EVFILT_WRITE), ECONNREFUSED);
}

#ifndef KQUEUE_SPARSE
void socket_tells_a_reset_once() {
  Watched pair;
  pair.peer_resets();
  expect_end(pair.queue.wait().find(EVFILT_READ), ECONNRESET);
  EXPECT_EQUAL(so_error(pair.ours), ECONNRESET);
  EXPECT_EQUAL(so_error(pair.ours), 0);
}

void socket_tells_a_refusal() {
  const Owned client = refused();
  Kqueue queue;
  queue.add_both(client);
  expect_end(queue.wait().find(EVFILT_WRITE), ECONNREFUSED);
  EXPECT_EQUAL(so_error(client), ECONNREFUSED);
}

void a_reset_socket_refuses_everything() {
  Pair pair;
  pair.peer_resets();
  const int on = 1;
  EXPECT_EQUAL(::setsockopt(pair.ours, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), -1);
  EXPECT_EQUAL(errno, ECONNRESET);
  EXPECT_EQUAL(::setsockopt(pair.ours, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), -1);
  EXPECT_EQUAL(errno, EINVAL);
  EXPECT_EQUAL(::shutdown(pair.ours, SHUT_WR), -1);
  EXPECT_EQUAL(errno, EINVAL);
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  EXPECT_EQUAL(::getsockname(pair.ours, reinterpret_cast<sockaddr*>(&address), &size), -1);
  EXPECT_EQUAL(errno, EINVAL);
}

void a_send_after_a_reset_tells_no_cause() {
  Pair pair;
  pair.peer_resets();
  for (int round = 0; round < 2; round++) {
    EXPECT_EQUAL(::send(pair.ours, "x", 1, MSG_NOSIGNAL), -1);
    EXPECT_EQUAL(errno, EPIPE);
  }
  int error = 0;
  socklen_t size = sizeof(error);
  EXPECT_EQUAL(::getsockopt(pair.ours, SOL_SOCKET, SO_ERROR, &error, &size), 0);
  EXPECT_EQUAL(error, ECONNRESET);
}

void data_come_before_a_reset() {
  Watched pair;
  EXPECT_EQUAL(::send(pair.peer, "abc", 3, 0), 3);
  pair.peer_resets();
  expect_end(pair.queue.wait().find(EVFILT_READ), ECONNRESET, 3);
  EXPECT_EQUAL(read_up_to(pair.ours, 3), 3);
  char byte = 0;
  EXPECT_EQUAL(::recv(pair.ours, &byte, 1, 0), -1);
  EXPECT_EQUAL(errno, ECONNRESET);
}
#else
void socket_has_no_error_left() {
  Watched pair;
  pair.peer_resets();
  expect_end(pair.queue.wait().find(EVFILT_READ), ECONNRESET);
  EXPECT_EQUAL(so_error(pair.ours), 0);
}
#endif

// --- changes ---

int closed_number() {
  return ::dup(STDERR_FILENO) + 1000;
}

void a_bad_change_with_room() {
  Kqueue queue;
  Events events;
  EXPECT_EQUAL(queue.call({change(closed_number(), EVFILT_READ, edges)}, 4, events, nullptr), 1);
  EXPECT((events[0].flags & EV_ERROR) != 0);
  EXPECT_EQUAL(events[0].data, EBADF);
}

void a_bad_change_without_room() {
  Kqueue queue;
  Events events;
  EXPECT_EQUAL(queue.call({change(closed_number(), EVFILT_READ, edges)}, 0, events), -1);
  EXPECT_EQUAL(errno, EBADF);
}

void one_bad_change_among_several() {
  Pair pair;
  Kqueue queue;
  Events events;
  const std::vector<Event> changes{change(closed_number(), EVFILT_READ, edges),
                                   change(pair.ours, EVFILT_WRITE, edges)};
  EXPECT_EQUAL(queue.call(changes, 4, events), 1);
  EXPECT_EQUAL(events[0].data, EBADF);
  EXPECT_EQUAL(queue.wait().size(), 1);

  Kqueue other;
  EXPECT_EQUAL(other.call(changes, 0, events), -1);
  EXPECT_EQUAL(other.wait().size(), 0);
}

void receipts_and_no_events() {
  Pair pair;
  Kqueue queue;
  pair.peer_sends("abc");
  Events events;
  const std::vector<Event> changes{change(pair.ours, EVFILT_READ, edges | EV_RECEIPT),
                                   change(pair.ours, EVFILT_WRITE, edges | EV_RECEIPT)};
  EXPECT_EQUAL(queue.call(changes, 8, events), 2);
  for (const auto& event : events) {
    EXPECT((event.flags & EV_ERROR) != 0);
    EXPECT_EQUAL(event.data, 0);
  }
  EXPECT_EQUAL(queue.wait().size(), 2);
}

void changes_of_what_is_not_there() {
  Pair pair;
  Kqueue queue;
  Events events;
  EXPECT_EQUAL(queue.call({change(pair.ours, EVFILT_READ, EV_DELETE)}, 1, events), 1);
  EXPECT_EQUAL(events[0].data, ENOENT);
  EXPECT_EQUAL(queue.call({change(pair.ours, -99, EV_ADD)}, 1, events), 1);
  EXPECT_EQUAL(events[0].data, EINVAL);
}

void dispatch_disables() {
  Pair pair;
  Kqueue queue;
  queue.apply({change(pair.ours, EVFILT_READ, EV_ADD | EV_DISPATCH)});
  pair.peer_sends("abc");
  EXPECT_EQUAL(queue.wait().size(), 1);
  pair.peer_sends("def");
  EXPECT_EQUAL(queue.wait().size(), 0);
  queue.apply({change(pair.ours, EVFILT_READ, EV_ENABLE)});
  EXPECT_EQUAL(queue.wait().find(EVFILT_READ)->data, 6);
}

void a_disabled_filter_stays_disabled() {
  Pair pair;
  Kqueue queue;
  queue.apply({change(pair.ours, EVFILT_READ, edges), change(pair.ours, EVFILT_READ, EV_DISABLE)});
  pair.peer_sends("abc");
  queue.apply({change(pair.ours, EVFILT_READ, edges)});
  EXPECT_EQUAL(queue.wait().size(), 0);
  EXPECT(!queue.is_pollable());
  queue.apply({change(pair.ours, EVFILT_READ, EV_ENABLE)});
  EXPECT_EQUAL(queue.wait().size(), 1);
}

void one_shot() {
  Pair pair;
  Kqueue queue;
  queue.apply({change(pair.ours, EVFILT_READ, EV_ADD | EV_ONESHOT)});
  pair.peer_sends("abc");
  EXPECT_EQUAL(queue.wait().size(), 1);
  pair.peer_sends("def");
  EXPECT_EQUAL(queue.wait().size(), 0);
  Events events;
  EXPECT_EQUAL(queue.call({change(pair.ours, EVFILT_READ, EV_DELETE)}, 1, events), 1);
  EXPECT_EQUAL(events[0].data, ENOENT);
}

// --- room for events ---

void two_filters_and_room_for_one() {
  Pair pair;
  Kqueue queue;
  queue.add_both(pair.ours);
  pair.peer_sends("abc");
  const auto first = queue.wait(1);
  EXPECT_EQUAL(first.size(), 1);
  EXPECT(queue.is_pollable());
  const auto second = queue.wait(1);
  EXPECT_EQUAL(second.size(), 1);
  EXPECT(first[0].filter != second[0].filter);
  EXPECT_EQUAL(queue.wait(1).size(), 0);
}

// --- closing ---

void closing_drops_what_is_pending() {
  Watched pair;
  pair.peer_sends("abc");
  pair.ours.close();
  EXPECT_EQUAL(pair.queue.wait().size(), 0);
}

void a_number_used_again_is_added_at_once() {
  Watched pair;
  const int number = pair.ours;
  pair.peer_sends("abc");
  pair.ours.close();
  Owned other = pair.listener.client();
  settle();
  const Owned accepted(::accept(pair.listener.socket, nullptr, nullptr));
  if (other != number) other = Owned(::dup2(other, number));
  pair.queue.add_both(number);
  const auto events = pair.queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].filter, EVFILT_WRITE);
}

void a_duplicate_makes_no_events() {
  Watched pair;
  const Owned duplicate(::dup(pair.ours));
  pair.ours.close();
  pair.peer_sends("abc");
  EXPECT_EQUAL(pair.queue.wait().size(), 0);
}

void a_closed_kqueue() {
  Kqueue queue;
  const int number = queue.descriptor();
  queue.close();
  Event event{};
  EXPECT_EQUAL(::kevent(number, nullptr, 0, &event, 1, &no_time), -1);
  EXPECT_EQUAL(errno, EBADF);
}

void a_kqueue_leaves_no_descriptors() {
  const int before = Owned(::dup(STDERR_FILENO));
  for (int i = 0; i < 10; i++)
    Kqueue().wait();
  EXPECT_EQUAL(Owned(::dup(STDERR_FILENO)), before);
}

// --- nesting ---

void a_kqueue_in_a_kqueue() {
  Watched pair;
  Kqueue outer;
  outer.apply({change(pair.queue.descriptor(), EVFILT_READ, edges)});
  EXPECT_EQUAL(outer.wait().size(), 0);
  pair.peer_sends("abc");
  EXPECT_EQUAL(outer.wait().size(), 1);
  EXPECT_EQUAL(pair.queue.wait().size(), 1);
}

void a_kqueue_in_another_poller() {
  Watched pair;
  const Owned poller(::epoll_create1(0));
  epoll_event interest{.events = EPOLLIN, .data = {}};
  EXPECT_EQUAL(::epoll_ctl(poller, EPOLL_CTL_ADD, pair.queue.descriptor(), &interest), 0);
  epoll_event event{};
  EXPECT_EQUAL(::epoll_wait(poller, &event, 1, 0), 0);
  pair.peer_sends("abc");
  EXPECT_EQUAL(::epoll_wait(poller, &event, 1, 0), 1);
  EXPECT(pair.queue.is_pollable());
  EXPECT_EQUAL(pair.queue.wait().size(), 1);
  EXPECT_EQUAL(::epoll_wait(poller, &event, 1, 0), 0);
}

// --- other filters ---

#ifndef KQUEUE_SPARSE
void user_events() {
  Kqueue queue;
  queue.apply({change(7, EVFILT_USER, edges)});
  EXPECT_EQUAL(queue.wait().size(), 0);
  Event trigger = change(7, EVFILT_USER, 0);
  trigger.fflags = NOTE_TRIGGER;
  queue.apply({trigger});
  EXPECT(queue.is_pollable());
  const auto events = queue.wait();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT_EQUAL(events[0].ident, 7);
  EXPECT_EQUAL(queue.wait().size(), 0);
  EXPECT(!queue.is_pollable());
}

void a_user_event_ends_a_sleep() {
  Kqueue queue;
  queue.apply({change(7, EVFILT_USER, edges)});
  std::thread other([&] {
    settle();
    Event trigger = change(7, EVFILT_USER, 0);
    trigger.fflags = NOTE_TRIGGER;
    queue.apply({trigger});
  });
  Events events;
  EXPECT_EQUAL(queue.call({}, 4, events, nullptr), 1);
  other.join();
}
#else
void user_events_are_refused() {
  Kqueue queue;
  Events events;
  EXPECT_EQUAL(queue.call({change(7, EVFILT_USER, edges)}, 0, events), -1);
  EXPECT_EQUAL(errno, EINVAL);
}
#endif

void timers() {
  Kqueue queue;
  Events events;
  EXPECT_EQUAL(queue.call({change(1, EVFILT_TIMER, EV_ADD, 0)}, 1, events), 1);
  EXPECT_EQUAL(events[0].data, EINVAL);
  queue.apply({change(1, EVFILT_TIMER, EV_ADD, 5)});
  EXPECT_EQUAL(queue.wait().size(), 0);
  settle();
  const auto expired = queue.wait();
  EXPECT_EQUAL(expired.size(), 1);
  EXPECT((expired[0].flags & EV_CLEAR) != 0);
  EXPECT(expired[0].data >= 3);
}

void a_short_timeout_is_rounded_up() {
  Kqueue queue;
  Events events;
  const timespec short_time{.tv_sec = 0, .tv_nsec = 1};
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQUAL(queue.call({}, 1, events, &short_time), 0);
  EXPECT(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(1));
}

const std::vector<Test> tests{
    {"listener, n connections pending: data = n", listener_with_connections_pending},
    {"client resets before accept: an event all the same, then ECONNABORTED", client_resets_before_accept},
    {"data: one event, none again, none after a part was read", an_edge_is_an_edge},
    {"more data while unread: data = all unread", more_data_while_unread_counts_all},
    {"EV_ADD again fires again, EV_ENABLE of an enabled one does not", adding_again_fires_again},
    {"EV_DELETE and EV_ADD with data pending fires", deleting_and_adding_fires},
    {"without EV_CLEAR a level is told again", without_clear_a_level_is_told_again},
    {"first write event: data = room in the send buffer", first_write_event_tells_the_room},
    {"data make no write event", data_make_no_write_event},
    {"send buffer full, then drained: a write event", a_full_buffer_that_drains_fires},
    {"send buffer full, half drained: a write event, once", a_full_buffer_that_half_drains_fires_once},
    {"EV_ONESHOT: one event, and the filter is gone", one_shot_is_one_event},
    {"data and FIN: one event, EV_EOF, data = unread", data_and_fin_are_one_event},
    {"peer closed: EV_EOF to the reader, no write event", peer_closed_makes_no_write_event},
    {"own SHUT_WR: EV_EOF to the writer", own_shutdown_of_writing},
    {"own SHUT_RD: EV_EOF to the reader", own_shutdown_of_reading},
    {"reset by peer: both EV_EOF with ECONNRESET", reset_by_peer},
    {"sent to a closed peer: both EV_EOF with ECONNRESET", sent_to_a_closed_peer},
    {"unconnected socket: nothing", an_unconnected_socket_makes_no_events},
    {"connect in progress, then success: a write event", connected_later},
    {"connect refused: both EV_EOF with ECONNREFUSED", connect_refused},
#ifndef KQUEUE_SPARSE
    {"SO_ERROR after a reset: once", socket_tells_a_reset_once},
    {"SO_ERROR after a refusal", socket_tells_a_refusal},
    {"reset with data unread: the data, then ECONNRESET", data_come_before_a_reset},
    {"after a reset: setsockopt, shutdown and getsockname fail", a_reset_socket_refuses_everything},
    {"after a reset: send says EPIPE, SO_ERROR why", a_send_after_a_reset_tells_no_cause},
#else
    {"SO_ERROR after a reset: taken by the event", socket_has_no_error_left},
#endif
    {"EV_ADD of a closed descriptor, with room: an EV_ERROR entry", a_bad_change_with_room},
    {"EV_ADD of a closed descriptor, without room: -1", a_bad_change_without_room},
    {"several changes, one bad: with room the others hold, without not", one_bad_change_among_several},
    {"EV_RECEIPT: one entry a change and no events", receipts_and_no_events},
    {"ENOENT for what is not there, EINVAL for no such filter", changes_of_what_is_not_there},
    {"EV_DISPATCH disables, EV_ENABLE delivers again", dispatch_disables},
    {"EV_ADD on a disabled filter: it stays disabled", a_disabled_filter_stays_disabled},
    {"EV_ONESHOT: once", one_shot},
    {"two filters, room for one: one now, one later", two_filters_and_room_for_one},
    {"close() with events pending: they are dropped", closing_drops_what_is_pending},
    {"a number used again is added at once", a_number_used_again_is_added_at_once},
    {"a duplicate left open: no events", a_duplicate_makes_no_events},
    {"a closed kqueue: EBADF", a_closed_kqueue},
    {"a closed kqueue leaves no descriptors", a_kqueue_leaves_no_descriptors},
    {"a kqueue in a kqueue", a_kqueue_in_a_kqueue},
    {"a kqueue in another poller", a_kqueue_in_another_poller},
#ifndef KQUEUE_SPARSE
    {"EVFILT_USER: triggered once, told once", user_events},
    {"EVFILT_USER ends a sleep", a_user_event_ends_a_sleep},
#else
    {"EVFILT_USER is refused: EINVAL", user_events_are_refused},
#endif
    {"EVFILT_TIMER: milliseconds, EV_CLEAR, data = expiries, 0 is refused", timers},
    {"a short timeout is rounded up", a_short_timeout_is_rounded_up},
};

}  // namespace

int main() {
  return run_tests(tests);
}

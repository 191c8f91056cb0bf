// The poller over kqueue, and what the BSDs' sockets do differently: compiled with platforms/bsd/ as it is,
// over each variant of the test library.
#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>

#include "connections.h"
#include "platforms/bsd/kqueue_poller.h"
#include "platforms/posix/posix_sockets.h"

namespace {

using portside::Error;
using portside::ErrorCode;
using portside::KqueuePoller;
using portside::ReadyEvent;
namespace sockets = portside::sockets;

class Opened {
 public:
  Opened() { EXPECT(!poller_.open()); }
  KqueuePoller* operator->() { return &poller_; }

  // Everything that is ready.
  std::vector<ReadyEvent> all() {
    std::vector<ReadyEvent> events;
    for (auto some = poller_.wait(); !some.empty(); some = poller_.wait())
      events.insert(events.end(), some.begin(), some.end());
    return events;
  }
  // Whether a sleep would end at once.
  bool is_awake() {
    const auto begin = std::chrono::steady_clock::now();
    poller_.block(20);
    const bool slept = std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(19);
    EXPECT_EQUAL(is_pollable(), !slept && poller_.descriptor() >= 0);
    return !slept;
  }

 private:
  bool is_pollable() const {
    pollfd waiting{.fd = poller_.descriptor(), .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, 0) == 1;
  }

  KqueuePoller poller_;
};

// A connection whose first event was taken.
struct Watched : Pair {
  static constexpr std::uint64_t tag = 7;
  Opened poller;
  Watched() {
    EXPECT(!poller->add_stream(ours, tag));
    (void)poller.all();
  }
};

const ReadyEvent& one(const std::vector<ReadyEvent>& events, bool ReadyEvent::*kind) {
  const auto at = std::ranges::find(events, true, kind);
  EXPECT(at != events.end());
  return *at;
}

void expect_code(const Error& error, ErrorCode code) {
  EXPECT_EQUAL(error.code, code);
}

// --- events ---

void a_connection_is_writable_and_then_readable() {
  Pair pair;
  Opened poller;
  EXPECT(!poller->add_connecting(pair.ours, 7));
  const auto first = poller.all();
  EXPECT_EQUAL(first.size(), 1);
  EXPECT_EQUAL(first[0].tag, 7);
  EXPECT(first[0].writable && !first[0].readable && !first[0].hung_up);
  pair.peer_sends("abc");
  const auto second = poller.all();
  EXPECT_EQUAL(second.size(), 1);
  EXPECT(second[0].readable && !second[0].writable && !second[0].hung_up);
  EXPECT_EQUAL(second[0].unread, 3);
}

void an_end_with_data_unread() {
  Watched pair;
  EXPECT_EQUAL(::send(pair.peer, "abc", 3, 0), 3);
  pair.peer_closes();
  const auto events = pair.poller.all();
  const auto& event = one(events, &ReadyEvent::readable);
  EXPECT(event.hung_up);
  EXPECT(!event.error);
  EXPECT_EQUAL(event.unread, 3);
}

void a_reset_brings_its_error() {
  Watched pair;
  pair.peer_resets();
  const auto events = pair.poller.all();
  const auto& event = one(events, &ReadyEvent::readable);
  EXPECT(event.hung_up);
  expect_code(event.error, ErrorCode::CONNRESET);
}

void room_is_told_of_once() {
  Watched pair;
  const auto sent = fill(pair.ours);
  EXPECT(!pair.poller->await_room(pair.ours, Watched::tag));
  EXPECT_EQUAL(pair.poller.all().size(), 0);
  for (std::size_t read = 0; read < sent; settle())
    read += read_up_to(pair.peer, sent);
  const auto events = pair.poller.all();
  EXPECT_EQUAL(events.size(), 1);
  EXPECT(events[0].writable && !events[0].readable && !events[0].hung_up);
  EXPECT_EQUAL(events[0].tag, Watched::tag);
  // For as long as nobody asks again, nothing of the kind is told again.
  const auto more = fill(pair.ours);
  for (std::size_t read = 0; read < more; settle())
    read += read_up_to(pair.peer, more);
  EXPECT_EQUAL(pair.poller.all().size(), 0);
}

void room_that_is_there_is_told_of_at_once() {
  Watched pair;
  EXPECT(!pair.poller->await_room(pair.ours, Watched::tag));
  EXPECT(one(pair.poller.all(), &ReadyEvent::writable).writable);
  EXPECT_EQUAL(pair.poller.all().size(), 0);
}

void a_refused_connect_tells_its_error_somewhere() {
  Listening gone;
  gone.socket.close();
  const Owned client = new_socket();
  EXPECT_EQUAL(gone.connect(client), -1);
  settle();
  Opened poller;
  EXPECT(!poller->add_connecting(client, 7));
  const auto events = poller.all();
  expect_code(one(events, &ReadyEvent::writable).error, ErrorCode::CONNREFUSED);
  // The socket says so, too, or nothing: then the event's word counts.
  const Error told = sockets::connect_result(client);
  EXPECT(told.code == ErrorCode::CONNREFUSED || told.code == ErrorCode::INPROGRESS);
}

void urgent_data_are_behind_what_is_unread() {
  Watched pair;
  EXPECT_EQUAL(::send(pair.peer, "abc", 3, 0), 3);
  EXPECT_EQUAL(::send(pair.peer, "!", 1, MSG_OOB), 1);
  EXPECT_EQUAL(::send(pair.peer, "def", 3, 0), 3);
  settle();
  const auto events = pair.poller.all();
  const auto& event = one(events, &ReadyEvent::readable);
  std::array<std::uint8_t, 64> into;
  const auto moved = sockets::receive(pair.ours, into);
  EXPECT_EQUAL(moved.bytes, 3);
  EXPECT(event.urgent || event.unread > moved.bytes);
}

void more_are_ready_than_one_wait_brings() {
  Listening listener;
  Opened poller;
  std::vector<Owned> both;
  constexpr std::uint64_t count = 150;
  for (std::uint64_t i = 0; i < count; i++) {
    both.push_back(listener.client());
    both.emplace_back(-1);
    while (both.back() < 0)
      both.back() = Owned(::accept(listener.socket, nullptr, nullptr));
    EXPECT(!poller->add_connecting(both.back(), i));
  }
  std::array<int, count> seen{};
  for (const auto& event : poller.all())
    seen.at(event.tag)++;
  EXPECT(std::ranges::all_of(seen, [](int times) { return times >= 1; }));
}

// --- adding and removing ---

void a_closed_descriptor_is_refused() {
  Opened poller;
  const Owned gone = new_socket();
  const int number = gone + 1000;
  expect_code(poller->add_connecting(number, 7), ErrorCode::BADF);
  expect_code(poller->add_stream(number, 7), ErrorCode::BADF);
  expect_code(poller->await_room(number, 7), ErrorCode::BADF);
  expect_code(poller->add_listener(number, 7), ErrorCode::BADF);
}

void a_number_used_again_keeps_its_new_filters() {
  Watched pair;
  const int number = pair.ours;
  pair.poller->remove(number);
  pair.ours.close();
  Pair other;
  EXPECT_EQUAL(::dup2(other.ours, number), number);
  const Owned again(number);
  EXPECT(!pair.poller->add_connecting(again, 8));
  const auto first = pair.poller.all();
  EXPECT_EQUAL(one(first, &ReadyEvent::writable).tag, 8);
  other.peer_sends("abc");
  const auto events = pair.poller.all();
  EXPECT_EQUAL(one(events, &ReadyEvent::readable).tag, 8);
}

void what_is_removed_makes_no_events() {
  Watched pair;
  pair.poller->remove(pair.ours);
  pair.ours.close();
  (void)::send(pair.peer, "abc", 3, MSG_NOSIGNAL);
  settle();
  EXPECT_EQUAL(pair.poller.all().size(), 0);
}

void a_failed_removal_stops_no_other_change() {
  Watched pair;
  Opened& poller = pair.poller;
  for (int number = 900; number < 1050; number++)
    poller->remove(number);
  Pair other;
  EXPECT(!poller->add_connecting(other.ours, 9));
  const auto events = poller.all();
  EXPECT_EQUAL(one(events, &ReadyEvent::writable).tag, 9);
}

// --- sleeping ---

void a_wake_ends_a_sleep_once() {
  Opened poller;
  std::atomic<bool> woken = false;
  std::thread sleeper([&] {
    poller->block(-1);
    woken = true;
  });
  settle();
  EXPECT(!woken);
  poller->wake();
  sleeper.join();
  EXPECT_EQUAL(poller->wait().size(), 0);
  EXPECT(!poller.is_awake());
  const auto begin = std::chrono::steady_clock::now();
  poller->block(30);
  EXPECT(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(29));
}

void many_wakes_are_one() {
  Opened poller;
  for (int i = 0; i < 100'000; i++)
    poller->wake();
  EXPECT(poller.is_awake());
  EXPECT_EQUAL(poller->wait().size(), 0);
  EXPECT(!poller.is_awake());
  poller->wake();
  EXPECT(poller.is_awake());
}

// Who wakes while an earlier wake is being taken must not leave the poller deaf.
void wakes_that_meet_leave_it_awakable() {
  Opened poller;
  std::atomic<bool> over = false;
  std::thread waking([&] {
    while (!over)
      poller->wake();
  });
  for (int i = 0; i < 100'000; i++)
    (void)poller->wait();
  over = true;
  waking.join();
  (void)poller.all();
  poller->wake();
  EXPECT(poller.is_awake());
}

void a_sleep_takes_no_event() {
  Watched pair;
  EXPECT(!pair.poller.is_awake());
  pair.peer_sends("abc");
  pair.poller->block(-1);
  EXPECT(pair.poller.is_awake());
  EXPECT_EQUAL(pair.poller.all().size(), 1);
  EXPECT(!pair.poller.is_awake());
}

void nothing_stays_open() {
  const int before = Owned(::dup(STDERR_FILENO));
  for (int i = 0; i < 20; i++)
    Opened()->wake();
  EXPECT_EQUAL(Owned(::dup(STDERR_FILENO)), before);
}

void the_loop_may_watch_what_can_be_polled() {
  Opened poller;
#ifdef KQUEUE_OPAQUE
  EXPECT_EQUAL(poller->descriptor(), -1);
#else
  EXPECT(poller->descriptor() >= 0);
#endif
}

// --- sockets ---

portside::ListenParameters on_loopback() {
  portside::ListenParameters parameters;
  parameters.address = {"127.0.0.1", false, 0};
  parameters.backlog = 16;
  return parameters;
}

struct Listener {
  explicit Listener(const portside::ListenParameters& parameters) {
    auto made = sockets::make_listener(parameters);
    EXPECT(!made.error);
    socket = Owned(made.descriptor);
    portside::PackedAddress bound;
    EXPECT(!sockets::local_end(socket, bound));
    EXPECT(!sockets::text_of(bound, address));
  }
  Owned connect() const {
    const auto made = sockets::make_connecting({.address = address, .local = {}, .settings = {}});
    EXPECT(!made.error);
    settle();
    return Owned(made.descriptor);
  }

  Owned socket;
  portside::IpAddress address;
};

sockets::Made accept_one(const Listener& listener) {
  portside::PackedAddress peer;
  return sockets::accept(listener.socket, peer);
}

bool never_waits(int descriptor) {
  return (::fcntl(descriptor, F_GETFL) & O_NONBLOCK) != 0 && (::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0;
}

void accepting_goes_on_until_nobody_waits() {
  const Listener listener(on_loopback());
  Opened poller;
  EXPECT(!poller->add_listener(listener.socket, 7));
  const Owned first = listener.connect();
  const Owned second = listener.connect();
  const auto events = poller.all();
  EXPECT_EQUAL(one(events, &ReadyEvent::readable).tag, 7);
  for (int i = 0; i < 2; i++) {
    const Owned accepted(accept_one(listener).descriptor);
    EXPECT(accepted >= 0 && never_waits(accepted));
  }
  expect_code(accept_one(listener).error, ErrorCode::AGAIN);
  EXPECT(never_waits(listener.socket) && never_waits(first));
}

void an_aborted_connection_is_not_the_listeners_end() {
  const Listener listener(on_loopback());
  Owned aborted = listener.connect();
  sockets::prepare_reset(aborted);
  aborted.close();
  const Owned other = listener.connect();
  auto made = accept_one(listener);
  // Some kernels hand on a connection that is gone already.
  EXPECT(made.descriptor >= 0 || sockets::is_accept_transient(made.error.code));
  const Owned first(made.descriptor);
  made = accept_one(listener);
  EXPECT(!made.error);
  const Owned second(made.descriptor);
  EXPECT(sockets::is_accept_transient(ErrorCode::CONNABORTED));
  EXPECT(!sockets::is_accept_transient(ErrorCode::MFILE));
}

void accepted_sockets_have_the_listeners_settings() {
  auto parameters = on_loopback();
  parameters.settings.no_delay = true;
  parameters.settings.keep_alive = {.on = true, .delay = 7000, .interval = 3000, .count = 5};
  parameters.settings.user_timeout = 12000;
  const Listener listener(parameters);
  const Owned client = listener.connect();
  const Owned accepted(accept_one(listener).descriptor);
  EXPECT(!sockets::adopt(accepted, parameters.settings));
  const auto option = [&](int level, int name) {
    int value = 0;
    socklen_t size = sizeof(value);
    EXPECT_EQUAL(::getsockopt(accepted, level, name, &value, &size), 0);
    return value;
  };
  EXPECT(option(IPPROTO_TCP, TCP_NODELAY) != 0);
  EXPECT(option(SOL_SOCKET, SO_KEEPALIVE) != 0);
  EXPECT_EQUAL(option(IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQUAL(option(IPPROTO_TCP, TCP_KEEPINTVL), 3);
  EXPECT_EQUAL(option(IPPROTO_TCP, TCP_KEEPCNT), 5);
  EXPECT_EQUAL(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 12000);
}

void sending_to_nobody_raises_no_signal() {
  static std::atomic<int> raised = 0;
  struct sigaction count {};
  count.sa_handler = [](int) { raised++; };
  EXPECT_EQUAL(::sigaction(SIGPIPE, &count, nullptr), 0);
  Watched pair;
  pair.peer_resets();
  const std::array<std::uint8_t, 3> bytes{};
  const std::array<portside::Bytes, 2> parts{portside::Bytes(bytes), portside::Bytes(bytes)};
  for (const std::size_t count_of_parts : {1, 2, 1}) {
    const auto moved = sockets::send(pair.ours, std::span(parts).first(count_of_parts));
    EXPECT(moved.error.code == ErrorCode::CONNRESET || moved.error.code == ErrorCode::PIPE);
  }
  EXPECT_EQUAL(raised, 0);
}

void listeners_share_a_port() {
  auto parameters = on_loopback();
  parameters.reuse_port = true;
  const Listener first(parameters);
  parameters.address.port = first.address.port;
  const Listener second(parameters);
  EXPECT_EQUAL(second.address.port, first.address.port);
  parameters.reuse_port = false;
  expect_code(sockets::make_listener(parameters).error, ErrorCode::ADDRINUSE);
}

const std::vector<Test> tests{
    {"a connection is writable, then readable with the bytes unread",
     a_connection_is_writable_and_then_readable},
    {"an end with data unread is one event that tells both", an_end_with_data_unread},
    {"a reset brings its error with the event", a_reset_brings_its_error},
    {"a refused connect brings its error with the event", a_refused_connect_tells_its_error_somewhere},
    {"room is told of once, and not again until it is asked for", room_is_told_of_once},
    {"room that is there already is told of at once", room_that_is_there_is_told_of_at_once},
    {"urgent data do not hide what lies behind them", urgent_data_are_behind_what_is_unread},
    {"more are ready than one wait brings: none is lost", more_are_ready_than_one_wait_brings},
    {"a closed descriptor is refused at once", a_closed_descriptor_is_refused},
    {"a number used again keeps its new filters", a_number_used_again_keeps_its_new_filters},
    {"what is removed makes no events", what_is_removed_makes_no_events},
    {"a failed removal stops no other change", a_failed_removal_stops_no_other_change},
    {"a wake from another thread ends a sleep, once", a_wake_ends_a_sleep_once},
    {"many wakes are one", many_wakes_are_one},
    {"wakes that meet the taking of one are heard, and those after them", wakes_that_meet_leave_it_awakable},
    {"a sleep takes no event", a_sleep_takes_no_event},
    {"a kqueue that cannot be polled is not given to the loop", the_loop_may_watch_what_can_be_polled},
    {"a closed poller leaves no descriptors", nothing_stays_open},
    {"accepting goes on until nobody waits; accepted sockets never wait",
     accepting_goes_on_until_nobody_waits},
    {"an aborted connection is not the listener's end", an_aborted_connection_is_not_the_listeners_end},
    {"accepted sockets have the listener's settings", accepted_sockets_have_the_listeners_settings},
    {"sending to nobody raises no signal", sending_to_nobody_raises_no_signal},
    {"listeners that say so share a port", listeners_share_a_port},
};

}  // namespace

int main() {
  return run_tests(tests);
}

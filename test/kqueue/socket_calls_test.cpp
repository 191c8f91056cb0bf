// What sockets make of answers that Linux does not give: the calls are this program's own, and answer as they
// are told to.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "harness.h"
#include "native/streams/refusals.h"
#include "platforms/posix/posix_sockets.h"

namespace {

namespace sockets = portside::sockets;
using portside::Bytes;
using portside::Error;
using portside::ErrorCode;

struct Script {
  int error = 0;          // of the next calls
  unsigned failures = 0;  // so many; ~0u: all
  int pending = 0;        // SO_ERROR
  unsigned calls = 0;
} script;

ssize_t answer(ssize_t success) {
  script.calls++;
  if (script.failures == 0) return success;
  if (script.failures != ~0u) script.failures--;
  errno = script.error;
  return -1;
}

}  // namespace

extern "C" ssize_t send(int /*descriptor*/, const void* /*from*/, size_t size, int /*flags*/) {
  return answer(static_cast<ssize_t>(size));
}
extern "C" ssize_t sendmsg(int /*descriptor*/, const msghdr* message, int /*flags*/) {
  size_t size = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++)
    size += message->msg_iov[i].iov_len;
  return answer(static_cast<ssize_t>(size));
}
extern "C" int shutdown(int /*descriptor*/, int /*how*/) noexcept {
  return static_cast<int>(answer(0));
}
extern "C" int getsockopt(int /*descriptor*/, int /*level*/, int name, void* value,
                          socklen_t* /*size*/) noexcept {
  *static_cast<int*>(value) = name == SO_ERROR ? std::exchange(script.pending, 0) : 0;
  return 0;
}

namespace {

constexpr unsigned always = ~0u;
constexpr std::array<std::uint8_t, 3> abc{'a', 'b', 'c'};

sockets::Moved send_parts(std::size_t count) {
  const std::array<Bytes, 2> parts{Bytes(abc), Bytes(abc)};
  return sockets::send(7, std::span(parts).first(count));
}

void expect_failure(const Error& error, ErrorCode code, int native) {
  EXPECT_EQUAL(error.code, code);
  EXPECT_EQUAL(error.native, native);
}

// A flow-diverted connection of macOS (a VPN's) says so for ever.
void a_send_that_never_works_ends() {
  for (const std::size_t parts : {1, 2}) {
    script = {.error = EPROTOTYPE, .failures = always};
    const auto moved = send_parts(parts);
    expect_failure(moved.error, ErrorCode::CONNRESET, EPROTOTYPE);
    EXPECT_EQUAL(moved.bytes, 0);
    EXPECT(script.calls >= 2 && script.calls <= 16);
  }
}

void a_send_during_a_tear_down_is_tried_again() {
  script = {.error = EPROTOTYPE, .failures = 2};
  const auto moved = send_parts(2);
  EXPECT(!moved.error);
  EXPECT_EQUAL(moved.bytes, 6);
  EXPECT_EQUAL(script.calls, 3);
}

void an_interrupted_send_is_tried_again_however_often() {
  script = {.error = EINTR, .failures = 100};
  EXPECT_EQUAL(send_parts(1).bytes, 3);
}

void a_send_to_a_connection_that_is_down_tells_why() {
  script = {.error = EPIPE, .failures = always, .pending = ECONNRESET};
  expect_failure(send_parts(1).error, ErrorCode::CONNRESET, ECONNRESET);
  script = {.error = EPIPE, .failures = always, .pending = ETIMEDOUT};
  expect_failure(send_parts(2).error, ErrorCode::TIMEDOUT, ETIMEDOUT);
  script = {.error = EPIPE, .failures = always};
  expect_failure(send_parts(1).error, ErrorCode::PIPE, EPIPE);
}

void a_shutdown_after_a_reset_says_that_nothing_is_connected() {
  script = {.error = EINVAL, .failures = 1};
  expect_failure(sockets::shutdown_sending(7), ErrorCode::NOTCONN, EINVAL);
  script = {.error = ENOTCONN, .failures = 1};
  expect_failure(sockets::shutdown_sending(7), ErrorCode::NOTCONN, ENOTCONN);
  script = {};
  EXPECT(!sockets::shutdown_sending(7));
}

void every_so_many_requests_are_refused() {
  script = {};
  EXPECT(portside::refuse_requests(2));
  unsigned refused = 0;
  for (int i = 0; i < 10; i++)
    refused += send_parts(1).error.code == ErrorCode::NOBUFS ? 1 : 0;
  EXPECT(portside::refuse_requests(0));
  EXPECT_EQUAL(refused, 5);
  EXPECT_EQUAL(script.calls, 5);
  EXPECT(!send_parts(1).error);
}

const std::vector<Test> tests{
    {"EPROTOTYPE for ever: a handful of tries, then ECONNRESET", a_send_that_never_works_ends},
    {"EPROTOTYPE for a moment: sent", a_send_during_a_tear_down_is_tried_again},
    {"EINTR: tried again, however often", an_interrupted_send_is_tried_again_however_often},
    {"EPIPE: what SO_ERROR says, if it does", a_send_to_a_connection_that_is_down_tells_why},
    {"shutdown after a reset: ENOTCONN", a_shutdown_after_a_reset_says_that_nothing_is_connected},
    {"refused requests: ENOBUFS, and no call", every_so_many_requests_are_refused},
};

}  // namespace

int main() {
  return run_tests(tests);
}

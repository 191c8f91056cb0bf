#include "connection.h"

#include <cstring>
#include <random>

#include "clock.h"

Messages::Messages(std::size_t bytes) : bytes_(bytes), block_(bytes + variants) {
  std::mt19937 random(1);
  for (std::byte& byte : block_)
    byte = static_cast<std::byte>(random());
}

void Connection::open(os::Queue& queue, std::uint16_t port, std::uint32_t token, const Messages& messages) {
  token_ = token;
  state_ = State::waiting;
  message_ = messages.of(token_, ++sequence_);
  sent_ = received_ = 0;
  startedAt_ = nanoseconds();
  descriptor_ = os::startConnect(port, token);
  if (descriptor_ < 0 || !queue.add(descriptor_, token)) fail();
}

void Connection::begin(const Messages& messages) {
  state_ = State::waiting;
  message_ = messages.of(token_, ++sequence_);
  sent_ = received_ = 0;
  startedAt_ = nanoseconds();
  if (!sendRest()) fail();
}

bool Connection::sendRest() {
  while (sent_ < message_.size()) {
    const os::Transfer transfer = os::send(descriptor_, message_.subspan(sent_));
    if (transfer.result == os::Result::wouldBlock) return true;
    if (transfer.result != os::Result::bytes) return false;
    sent_ += transfer.bytes;
  }
  return true;
}

bool Connection::advance() {
  static std::byte buffer[64 * 1024];
  if (state_ != State::waiting && state_ != State::idle) return false;
  if (sent_ < message_.size() && !sendRest()) {
    fail();
    return false;
  }
  for (;;) {
    const os::Transfer transfer = os::receive(descriptor_, buffer);
    if (transfer.result == os::Result::wouldBlock) return false;
    const bool fits = transfer.result == os::Result::bytes && state_ == State::waiting &&
                      received_ + transfer.bytes <= sent_;
    // An end, a reset, bytes nobody asked for or bytes that differ: all of them are failures.
    if (!fits || std::memcmp(buffer, message_.data() + received_, transfer.bytes) != 0) {
      fail();
      return false;
    }
    received_ += transfer.bytes;
    if (received_ == message_.size()) {
      state_ = State::idle;
      return true;
    }
    // A short receive emptied the kernel's buffer: the next edge tells of more.
    if (transfer.bytes < sizeof buffer) return false;
  }
}

void Connection::close(bool reset) {
  if (descriptor_ >= 0) os::close(descriptor_, reset);
  descriptor_ = -1;
  state_ = State::closed;
}

void Connection::fail() {
  close(true);
  state_ = State::failed;
}

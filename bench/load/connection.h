#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "os.h"

/// Message contents. Every message of a connection begins elsewhere in one block of random bytes, so a
/// message that is late, shifted or another connection's does not pass for the right one.
class Messages {
 public:
  explicit Messages(std::size_t bytes);
  std::span<const std::byte> of(std::uint32_t token, std::uint32_t sequence) const {
    return {block_.data() + (token * 31 + sequence) % variants, bytes_};
  }

 private:
  static constexpr std::size_t variants = 251;
  std::size_t bytes_;
  std::vector<std::byte> block_;
};

/// One connection with at most one message in flight.
class Connection {
 public:
  enum class State { closed, idle, waiting, failed };

  State state() const { return state_; }
  std::uint64_t startedAt() const { return startedAt_; }

  /// Connects; the first message follows as soon as the connection is there.
  void open(os::Queue& queue, std::uint16_t port, std::uint32_t token, const Messages& messages);

  /// Begins the next message on an idle connection.
  void begin(const Messages& messages);

  /// Goes on after the queue named this connection. True: the message just came back, byte for byte.
  bool advance();

  /// Gives the connection up, whatever it is doing.
  void close(bool reset);

 private:
  bool sendRest();
  void fail();

  int descriptor_ = -1;
  State state_ = State::closed;
  std::uint32_t token_ = 0;
  std::uint32_t sequence_ = 0;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
  std::uint64_t startedAt_ = 0;
  std::span<const std::byte> message_;
};

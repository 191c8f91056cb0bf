// Everything that the load generator asks of the operating system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace os {

/// Lets the process hold as many connections as the system allows.
void raiseDescriptorLimit();

/// Starts a connect to 127.0.0.1 .. 127.0.0.64, chosen by `destination`: local ports that are taken or in
/// TIME_WAIT are so per destination, and never get scarce. Returns the descriptor, or -1.
int startConnect(std::uint16_t port, std::size_t destination);

/// Gives the connection up, with a reset or with an orderly FIN.
void close(int descriptor, bool reset);

enum class Result { bytes, wouldBlock, end, broken };
struct Transfer {
  Result result;
  std::size_t bytes;
};
Transfer send(int descriptor, std::span<const std::byte> data);
Transfer receive(int descriptor, std::span<std::byte> buffer);

/// Edge-triggered readiness of many connections.
class Queue {
 public:
  Queue();
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// False when the system refuses.
  bool add(int descriptor, std::uint32_t token);

  /// Tokens of the connections on which something happened; empty after `timeoutMilliseconds` of nothing.
  std::span<const std::uint32_t> wait(int timeoutMilliseconds);

  /// Time spent asleep in wait() since the queue was made.
  std::uint64_t blockedNanoseconds() const { return blocked_; }

 private:
  static constexpr std::size_t capacity = 256;
  int descriptor_;
  std::uint64_t blocked_ = 0;
  std::uint32_t tokens_[capacity] = {};
};

}  // namespace os

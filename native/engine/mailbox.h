// Completion packets that programs post, from any thread, to a port that they know by its number
// (PostQueuedCompletionStatus). The bytes are a structured clone; what they mean is JavaScript's business.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace portside {

using Packet = std::vector<std::uint8_t>;

class Mailbox {
 public:
  Mailbox() = default;
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // From now on it can be posted to. `wake` is called, from whatever thread and with the registry locked,
  // when a packet arrives in an empty mailbox; not any more once close() has returned.
  void open(std::function<void()> wake);
  std::uint32_t id() const { return id_; }
  // Nobody can post to it from now on.
  void close();
  // Takes no lock: a packet that it misses wakes.
  bool has_packets() const { return count_.load(std::memory_order_acquire) > 0; }
  // The oldest, at most so many.
  std::vector<Packet> take(std::size_t most);

  // False when no open port has this number.
  static bool post(std::uint32_t id, Packet packet);

 private:
  std::uint32_t id_ = 0;
  std::function<void()> wake_;
  std::deque<Packet> packets_;
  std::atomic<std::size_t> count_ = 0;
};

}  // namespace portside

// Completion packets that programs post, from any thread, to a port that they know by its number
// (PostQueuedCompletionStatus). The bytes are a structured clone; what they mean is JavaScript's business.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace portside {

using Packet = std::vector<std::uint8_t>;

class Mailbox {
 public:
  // `wake` is called, with the registry locked, when a packet arrives in an empty mailbox.
  explicit Mailbox(std::function<void()> wake);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  std::uint32_t id() const { return id_; }
  // Nobody can post to it from now on.
  void close();
  bool has_packets() const;
  std::vector<Packet> take();

  // False when no open port has this number.
  static bool post(std::uint32_t id, Packet packet);

 private:
  std::uint32_t id_ = 0;
  std::function<void()> wake_;
  std::vector<Packet> packets_;
};

}  // namespace portside

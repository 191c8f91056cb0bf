// One engine per port: it takes submissions, gives its backend turns, and hands JavaScript completions in
// batches.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "backend.h"
#include "clock.h"
#include "mailbox.h"
#include "waker.h"

namespace portside {

struct EngineOptions {
  const char* backend = nullptr;
  std::uint32_t batch = 64;  // completions per call into JavaScript
  std::uint32_t polls = 3;   // batches before yielding to the host's loop
  std::uint32_t counters_start = 0;  // of the counters that wrap: tests begin near their end
};

class Engine {
 public:
  // `deliver` calls JavaScript, which reads the published ring; false when JavaScript cannot run any more.
  Engine(const EngineOptions& options, Rings rings, std::function<bool()> deliver);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Error open();

  // Takes what JavaScript has submitted. Completions only follow in a turn.
  void take_submissions();

  // One turn: at most `polls` batches.
  void turn();

  Rest rest();

  // The receive space lies here from now on; null: received bytes have no place for the time being.
  void move_received(std::uint8_t* base) { rings_.move_received(base); }
  std::uint32_t received_bytes() const { return received_.used(); }  // those that the present batch tells of

  Backend& backend() { return *backend_; }
  const Counters& counters() const { return counters_; }
  std::uint32_t mailbox_id() const { return mailbox_.id(); }
  std::vector<Packet> take_packets(std::size_t most);
  void open_mailbox(std::function<void()> wake) { mailbox_.open(std::move(wake)); }
  void close_mailbox() { mailbox_.close(); }

  Opened connect(const ConnectParameters& parameters);

  // A send that comes past the ring, straight from a program's memory, because it is large.
  std::size_t send(HandleId id, std::uint32_t token, std::span<const Bytes> parts, std::int32_t flags);

 private:
  bool begin_operation(std::uint32_t token);
  void take(Submission submission);
  void start_timer(const Submission& submission);
  void cancel(std::uint32_t token);
  void finish_timer(Timer& timer, Error error);
  void expire_timers();
  void announce_packets();
  bool deliver();

  std::uint32_t polls_;
  Rings rings_;
  std::function<bool()> deliver_;
  std::uint64_t now_;
  std::uint64_t taking_since_ = 0;  // 0: not looked at since the submissions were begun with
  Counters counters_;
  OperationTable operations_;
  TimerWheel timers_;
  CompletionQueue completions_;
  ReceiveSpace received_;
  std::unique_ptr<Backend> backend_;
  Mailbox mailbox_;
  bool inside_ = false;     // a turn is under way
  std::uint32_t packets_left_ = ~0U;  // that this turn may still hand out
  bool announced_ = false;  // JavaScript was told of packets and has not fetched them
  bool stopped_ = false;    // JavaScript cannot run any more
};

}  // namespace portside

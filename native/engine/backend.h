// The seam below the engine: a backend takes operations and gives completions. What all kernels' queues share
// of streams is native/streams/; readiness systems (epoll, kqueue) share one implementation over a Poller.
//
// Everything is called on the engine's thread, but for block() and wake().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "address.h"
#include "completion_queue.h"
#include "error_code.h"
#include "handle_table.h"
#include "operation.h"
#include "receive_space.h"
#include "rings.h"
#include "timer_wheel.h"

namespace portside {

struct Counters {
  std::uint64_t submitted = 0;  // operations, those that somebody waits for
  std::uint64_t completed = 0;
  std::uint64_t batches = 0;
  std::uint64_t polls = 0;
  std::uint64_t accepted = 0;
  std::uint64_t connected = 0;
  std::uint64_t shortages = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_queued = 0;
  std::uint64_t bytes_dropped = 0;  // of sends nobody waits for, whose connection had ended
  std::uint32_t handles = 0;
  std::uint32_t receive_buffers = 0;  // memory that the OS holds for what may come
  std::uint32_t posted_accepts = 0;   // requests that the OS holds
  std::uint32_t posted_receives = 0;
  std::uint32_t posted_sends = 0;
  std::uint64_t accepts_timed_out = 0;  // clients that were dropped for their silence
  std::uint64_t retries = 0;            // requests that the OS had no memory for, and got again
  std::uint32_t referenced = 0;         // handles and timers that keep the process alive
};

// What the engine lends its backend.
struct EngineParts {
  CompletionQueue& completions;
  ReceiveSpace& received;
  OperationTable& operations;
  TimerWheel& timers;
  Counters& counters;
  const std::uint64_t& now;  // milliseconds, as of this turn
};

// Whether the OS probes an idle connection. Milliseconds and a number; 0: as it is, which is the OS's own.
struct KeepAlive {
  bool on = false;
  std::int32_t delay = 0;     // before the first probe
  std::int32_t interval = 0;  // between probes
  std::int32_t count = 0;     // probes without an answer

  bool is_adjusted() const { return on && (delay > 0 || interval > 0 || count > 0); }
};

struct SocketSettings {
  std::int32_t receive_buffer_size = 0;  // bytes; 0: as the OS has it
  std::int32_t send_buffer_size = 0;
  KeepAlive keep_alive;
  std::int32_t user_timeout = 0;  // milliseconds that sent bytes may stay unacknowledged; 0: as the OS has it
  bool no_delay = false;
  bool unbuffered_sends = false;  // the OS sends from our memory and copies nothing, where it can
};

// For backends that have the OS accept ahead of being asked to.
struct AcceptSettings {
  std::uint32_t low = 16;  // how many accepts wait in the OS when all is quiet
  std::uint32_t high = 256;
  bool with_data = false;     // a connection is accepted with its first bytes
  std::uint32_t timeout = 0;  // milliseconds that a client may stay silent then
  bool reuse_sockets = false;
};

struct ListenParameters {
  IpAddress address;
  std::int32_t backlog = 0;
  bool ipv6_only = false;
  bool reuse_port = false;
  SocketSettings settings;  // for every accepted socket
  AcceptSettings accepting;
};

struct ConnectParameters {
  IpAddress address;
  std::optional<IpAddress> local;
  SocketSettings settings;
  std::uint32_t token = 0;
};

// A handle, or what went wrong and in which call.
struct Opened {
  HandleId id;
  Error error;
  const char* syscall = "";
};

using Bytes = std::span<const std::uint8_t>;

inline std::size_t size_of(std::span<const Bytes> parts) {
  std::size_t size = 0;
  for (const auto& part : parts)
    size += part.size();
  return size;
}

// More than any send can leave.
inline constexpr std::size_t send_refused = 0xffffffff;

class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  virtual Error open() = 0;
  // Ends everything at once, without completions: the thread that would receive them is gone.
  virtual void abandon() = 0;

  // The control plane: called by JavaScript directly, answered at once.
  virtual Opened listen(const ListenParameters& parameters) = 0;
  virtual Opened connect(const ConnectParameters& parameters) = 0;  // the token's completion follows
  virtual Error set_no_delay(HandleId id, bool on) = 0;
  virtual Error set_keep_alive(HandleId id, const KeepAlive& wanted) = 0;
  virtual Error set_user_timeout(HandleId id, std::int32_t milliseconds) = 0;
  // Asks the kernel how a connect stands. True when it has ended, well or not: its completion is on the way.
  virtual bool connect_has_ended(HandleId id) = 0;
  virtual Error address(HandleId id, bool remote, IpAddress& into) = 0;
  virtual void set_referenced(HandleId id, bool on) = 0;
  // Bytes of sends nobody waits for that the OS has not taken.
  virtual std::size_t queued(HandleId id) = 0;

  // The data plane. `bytes` are good during the call only: what the OS does not take at once is copied.
  virtual void submit(const Submission& submission) = 0;
  // Returns the bytes that the OS did not take, or send_refused when nobody waits and the connection has
  // ended; for an operation that is `answered`, 0 says that it is done and that no completion follows,
  // anything else that one does.
  virtual std::size_t send(HandleId id, std::uint32_t token, std::span<const Bytes> parts,
                           std::int32_t flags) = 0;
  virtual void cancel(Operation& operation) = 0;
  virtual void expired(Timer& timer) = 0;  // a timer of the backend's own

  // Takes what the kernel has brought, without waiting: then something is ready, or operations are complete.
  // Returns how much it was.
  virtual unsigned gather() = 0;
  // Turns what is ready into completions while there is room for them; `brought`: as gather() said.
  virtual void serve(unsigned brought) = 0;
  virtual bool has_ready() const = 0;
  virtual void passed(const Completion& completion) = 0;  // it went from the line into the ring
  virtual void delivered() = 0;                           // JavaScript has seen the whole ring

  // For the wakers. Before block() and wake() are used, which not every waker does: what they need.
  virtual Error prepare_to_block() = 0;
  // block() sleeps until the kernel has something, wake() is called, or `timeout` ms went by
  // (-1: never); it runs on any thread, beside everything else, and leaves what it finds to gather(). wake()
  // may be called from any thread.
  virtual void block(int timeout) noexcept = 0;
  virtual void wake() noexcept = 0;
  virtual int descriptor()
      const = 0;  // pollable while the kernel has something; -1 where there is no such thing
};

// What a room offers (each platforms/ folder defines these).
std::span<const char* const> backend_names();  // the default first
std::unique_ptr<Backend> make_backend(const char* name, EngineParts parts);
Error error_of(std::int32_t native);  // what the OS calls so
// The most sockets this process may have, where the OS has no such limit: for tests of shortage. False where
// it has one.
bool limit_sockets(std::uint32_t limit);
// The same for requests to the OS, every so many of which are refused for want of memory (0: none).
bool refuse_requests(std::uint32_t every);

}  // namespace portside

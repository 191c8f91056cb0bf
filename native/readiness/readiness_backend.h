// Completions emulated over readiness, once for every Poller: the system call is tried when an operation is
// submitted, and only where it would block does the operation wait for the descriptor's edge.
#pragma once

#include <memory>
#include <vector>

#include "../engine/backend.h"
#include "poller.h"
#include "sockets.h"

namespace portside {

enum class HandleKind : std::uint8_t { none, listener, connecting, stream };

// What an echo touches lies in the first of its two cache lines.
struct alignas(64) ReadinessHandle : Link<ReadinessHandle> {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  int descriptor = -1;
  HandleKind kind = HandleKind::none;
  bool queued : 1 = false;    // stands in the ready list
  bool readable : 1 = false;  // the last we know: trying may succeed
  bool writable : 1 = false;
  bool read_on : 1 = false;       // a short read is not the last one: more than data lies in the stream
  bool automatic : 1 = false;     // push style: receive, or accept, without being asked
  bool ended : 1 = false;         // nothing more can be received
  bool orderly : 1 = false;       // ... as the peer's FIN was seen
  bool send_ended : 1 = false;    // shutdown() was asked for
  bool closing : 1 = false;       // close() waits for what is queued
  bool closed : 1 = false;        // the last completion is emitted
  bool notify : 1 = false;        // JavaScript waits to hear that everything was taken
  bool told : 1 = false;          // JavaScript was told of the failure
  bool lost_in_send : 1 = false;  // a send found the failure
  bool blocked : 1 = false;       // JavaScript was told that bytes are queued
  bool referenced : 1 = true;
  std::uint32_t in_line = 0;  // completions that have not reached the ring
  Error failure;              // the connection is lost: what every later operation hears
  List<Operation> sends;      // sends and the shutdown, in order
  List<Operation> waiting;    // receives; accepts of a listener; the connect
  struct ListenerState* listener = nullptr;
};

// What only listeners have. The timer runs while accepting pauses.
struct ListenerState : Timer {
  std::uint32_t index = 0;
  SocketSettings settings;
  bool short_of = false;  // from the first refusal until an accept goes well again
};

class ReadinessBackend final : public Backend {
 public:
  ReadinessBackend(std::unique_ptr<Poller> poller, EngineParts parts);
  ~ReadinessBackend() override;

  Error open() override;
  void abandon() override;

  Opened listen(const ListenParameters& parameters) override;
  Opened connect(const ConnectParameters& parameters) override;
  Error set_no_delay(HandleId id, bool on) override;
  Error set_keep_alive(HandleId id, std::int32_t delay) override;
  Error address(HandleId id, bool remote, IpAddress& into) override;
  void set_referenced(HandleId id, bool on) override;
  std::size_t queued(HandleId id) override;

  void submit(const Submission& submission) override;
  std::size_t send(HandleId id, std::uint32_t token, std::span<const Bytes> parts,
                   std::int32_t flags) override;
  void cancel(Operation& operation) override;
  void expired(Timer& timer) override;

  unsigned drain() override;
  bool has_ready() const override { return !ready_.empty(); }
  void passed(const Completion& completion) override;
  void delivered() override;

  void block(int timeout) noexcept override { poller_->block(timeout); }
  void wake() noexcept override { poller_->wake(); }
  int descriptor() const override { return poller_->descriptor(); }

 private:
  using Handle = ReadinessHandle;

  // readiness_backend.cpp: handles, events, completions
  Handle* find(HandleId id);
  Handle& add_handle(int descriptor, HandleKind kind);
  Error associate(Handle& handle);
  void drop(Handle& handle);
  void forget(Handle& handle);
  void note(const ReadyEvent& event);
  bool has_work(const Handle& handle) const;
  void make_ready(Handle& handle);
  void serve(Handle& handle);
  bool can_go_ahead(const Handle& handle) const;
  void emit(Handle& handle, Completion completion, bool ahead = false);
  void finish(Handle* handle, std::uint32_t token, Completion result, bool ahead = false);
  void complete(Handle& handle, List<Operation>& list, Operation& operation, Error error,
                std::int32_t result);
  Operation& make_operation(Handle& handle, List<Operation>& list, std::uint32_t token, Opcode opcode);
  void cancel_all(Handle& handle, List<Operation>& list);
  void close(Handle& handle);
  void take_submission(Handle& handle, const Submission& submission);

  // readiness_accept.cpp
  bool wants_to_accept(const Handle& handle) const;
  void serve_listener(Handle& handle);
  bool accept_one(Handle& handle);
  void announce_accepted(Handle& listener, const Handle& accepted);
  void pause_accepting(Handle& handle, Error error);
  void accepting_works(Handle& handle);
  void retry_short_listeners();

  // readiness_connect.cpp
  void serve_connecting(Handle& handle);

  // readiness_receive.cpp
  bool wants_to_receive(const Handle& handle) const;
  void submit_receive(Handle& handle, const Submission& submission);
  void serve_receive(Handle& handle);
  void received(Handle& handle, std::uint32_t bytes);
  void end_of_stream(Handle& handle);
  void lost_receiving(Handle& handle, Error error);

  // readiness_send.cpp
  std::size_t send_on(Handle& handle, std::uint32_t token, std::span<const Bytes> parts, std::int32_t flags);
  std::size_t queue_send(Handle& handle, std::uint32_t token, std::span<const Bytes> parts, std::size_t taken,
                         std::int32_t flags);
  void submit_shutdown(Handle& handle, std::uint32_t token);
  void serve_sends(Handle& handle);
  bool send_some(Handle& handle);
  void taken(Handle& handle, std::size_t bytes);
  void sends_are_out(Handle& handle);
  void lost_sending(Handle& handle, Error error);
  void tell_failure(Handle& handle);

  std::unique_ptr<Poller> poller_;
  EngineParts parts_;
  HandleTable<Handle> handles_;
  List<Handle> ready_;
  std::vector<std::uint32_t> released_;         // closed, and the ring that is being delivered says so
  std::vector<std::uint32_t> short_listeners_;  // those whose accepting pauses
};

}  // namespace portside

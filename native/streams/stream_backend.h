// Listeners and connections over any kernel queue: what an operation waits for, in which order things
// complete, and what JavaScript hears. How the kernel is asked, and how it answers, is the derived backends'
// business: native/readiness/ for those that say "try now", the room's own for those that carry operations
// out.
#pragma once

#include <unordered_map>
#include <vector>

#include "../engine/backend.h"
#include "sockets.h"
#include "stream_handle.h"

namespace portside {

// In `offset`: the completion is one of the sending side.
inline constexpr std::uint32_t of_sending = 0xffffffff;

class StreamBackend : public Backend {
 public:
  explicit StreamBackend(EngineParts parts);

  void abandon() override;

  Opened listen(const ListenParameters& parameters) override;
  Opened connect(const ConnectParameters& parameters) override;
  Error set_no_delay(HandleId id, bool on) override;
  Error set_keep_alive(HandleId id, const KeepAlive& wanted) override;
  Error set_user_timeout(HandleId id, std::int32_t milliseconds) override;
  bool connect_has_ended(HandleId id) override;
  Error address(HandleId id, bool remote, IpAddress& into) override;
  void set_referenced(HandleId id, bool on) override;
  std::size_t queued(HandleId id) override;

  void submit(const Submission& submission) override;
  std::size_t send(HandleId id, std::uint32_t token, std::span<const Bytes> parts,
                   std::int32_t flags) override;
  void cancel(Operation& operation) override;
  void expired(Timer& timer) override;

  unsigned gather() override;
  void serve(unsigned brought) override;
  bool has_ready() const override { return !ready_.empty(); }
  void passed(const Completion& completion) override;
  void delivered() override;

 protected:
  using Handle = StreamHandle;

  // --- what the derived backends do ---

  // What gather() does: marks handles readable or writable, or completes their operations.
  virtual unsigned ask_kernel() = 0;
  // Makes the kernel's queue report on a new handle.
  virtual Error associate(Handle& handle) = 0;
  // Sends the socket of sockets::make_connecting() on its way, unless it is already.
  virtual Error start_connecting(Handle& handle, const ConnectParameters& parameters) = 0;
  // Gives back what the OS lent, now or as soon as it is done with it.
  virtual void let_go(Handle& handle, bool reset) = 0;

  // While the handle is readable and somebody wants what comes.
  virtual void serve_listener(Handle& handle) = 0;
  // While a connecting handle is writable.
  virtual void serve_connecting(Handle& handle) = 0;
  // Asks the kernel whether a connecting handle's connect has ended.
  virtual bool has_ended(Handle& handle) = 0;
  virtual sockets::Moved receive(Handle& handle, std::span<std::uint8_t> into) = 0;
  // A receive found nothing more; `readable` is to be set again when there is.
  virtual void await_data(Handle& handle) = 0;
  // An operation was queued among the handle's sends.
  virtual void await_room(Handle& handle) = 0;
  // The OS had no memory for a receive or a send of this handle's, some time ago.
  virtual void try_again(Handle& handle) = 0;
  // Hands queued sends on to the OS.
  virtual void serve_sends(Handle& handle) = 0;
  // Whether everything that is no longer queued lies with the transport, so that a FIN comes after it.
  virtual bool everything_is_out(const Handle& handle) const = 0;

  // --- stream_backend.cpp: handles, turns, completions ---
  Handle* find(HandleId id);
  Handle& add_handle(int descriptor, HandleKind kind);
  void forget(Handle& handle);
  void close(Handle& handle, bool reset = false);
  void reset(Handle& handle);
  void make_ready(Handle& handle);
  bool can_go_ahead(const Handle& handle) const;
  void wait_for_line(Handle& handle) const;
  void complete(Handle& handle, List<Operation>& list, Operation& operation, Error error,
                std::int32_t result);
  void connected(Handle& handle, Error error);  // the end of a connect, good or bad

  // --- stream_addresses.cpp ---
  void remember_peer(Handle& handle, const PackedAddress& peer);

  // --- stream_accept.cpp ---
  bool wants_to_accept(const Handle& handle) const;
  void announce_accepted(Handle& listener, const Handle& accepted);
  void pause_accepting(Handle& handle, Error error);
  void accepting_works(Handle& handle);

  // --- stream_send.cpp ---
  void taken(Handle& handle, std::size_t bytes);
  void taken(Operation& operation, std::uint32_t bytes);
  void finish_taken(Handle& handle);
  static Error send_fin(Handle& handle);
  void sends_are_out(Handle& handle);
  void lost_sending(Handle& handle, Error error);

  // --- stream_flush.cpp ---
  static void peer_takes(Handle& handle);

  // --- stream_shortage.cpp ---
  void receive_later(Handle& handle);
  void send_later(Handle& handle);
  void try_again_later(const Handle& handle);

  EngineParts parts_;
  HandleTable<Handle> handles_;

 private:
  template <typename State>
  void dispose(State* state);
  void drop(Handle& handle, bool reset);
  bool has_work(const Handle& handle) const;
  PackedAddress local_end(const Handle& handle) const;
  PackedAddress remote_end(const Handle& handle) const;
  void keep_ends(const Handle& handle, Completion& closed);
  void forget_ends(const Handle& handle);
  static Error unless_gone(const Handle& handle, Error error);
  void serve(Handle& handle);
  void emit(Handle& handle, Completion completion, bool ahead = false);
  void finish(Handle* handle, std::uint32_t token, Completion result, bool ahead = false);
  Operation& make_operation(Handle& handle, List<Operation>& list, std::uint32_t token, Opcode opcode);
  void cancel_all(Handle& handle, List<Operation>& list);
  void take_submission(Handle& handle, const Submission& submission);

  void retry_short_listeners();

  bool wants_to_receive(const Handle& handle) const;
  void submit_receive(Handle& handle, const Submission& submission);
  void serve_receive(Handle& handle);
  void nothing_more(Handle& handle);
  void received(Handle& handle, std::uint32_t bytes);
  void end_of_stream(Handle& handle);
  void lost_receiving(Handle& handle, Error error);

  std::size_t send_on(Handle& handle, std::uint32_t token, std::span<const Bytes> parts, std::int32_t flags);
  std::size_t queue_send(Handle& handle, std::uint32_t token, std::span<const Bytes> parts, std::size_t taken,
                         std::int32_t flags);
  std::size_t refuse_send(Handle* handle, std::uint32_t token, Error error, std::size_t size);
  void submit_shutdown(Handle& handle, std::uint32_t token);
  static Error cause_of_loss(const Handle& handle, Error error);
  void tell_failure(Handle& handle);

  struct Ends {
    PackedAddress local, remote;
  };

  void close_when_flushed(Handle& handle);
  void look_at_flushing(Handle& handle);
  void retry_short_of_memory();

  List<Handle> ready_;
  std::unordered_map<std::uint32_t, Ends> ends_;  // of closed handles, and what no handle or system can keep
  std::vector<std::uint32_t> released_;           // closed, and the ring that is being delivered says so
  std::vector<std::uint32_t> short_listeners_;    // those whose accepting pauses
  std::vector<HandleId> short_of_memory_;         // to be tried again when the timer expires
  Timer memory_timer_;
};

}  // namespace portside

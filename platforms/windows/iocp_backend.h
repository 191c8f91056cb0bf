// True completions: the kernel carries operations out and says when they are done.
#pragma once

#include <optional>
#include <vector>

#include "../../native/streams/stream_backend.h"
#include "completion_port.h"
#include "request.h"

namespace portside {

// What a socket is closed with is delivered, as long as the peer takes some of it within this time (ms).
inline constexpr std::uint64_t linger_time = 10'000;

// Milliseconds between looks at what no packet tells of.
inline constexpr std::uint64_t housekeeping_period = 50;

class IocpBackend final : public StreamBackend {
 public:
  explicit IocpBackend(EngineParts parts) : StreamBackend(parts) {}

  Error open() override { return port_.open(); }
  void abandon() override;
  Opened listen(const ListenParameters& parameters) override;
  void expired(Timer& timer) override;

  bool has_ready() const override {
    return StreamBackend::has_ready() || !ended_.empty() || port_.has_kept();
  }
  Error prepare_to_block() override { return {}; }
  void block(int timeout) noexcept override { port_.block(timeout); }
  void wake() noexcept override { port_.wake(); }
  int descriptor() const override { return -1; }

 private:
  // iocp_backend.cpp: sockets and requests
  unsigned ask_kernel() override;
  void note(Request& request, const Ended& ended);
  void begin(HandleExtension& extension);
  void end_at_once(Request& request, const Ended& ended) { ended_.push_back({&request, ended}); }
  void not_begun(HandleExtension& extension);
  Error enlist(int descriptor, bool& skips);
  Error associate(Handle& handle) override;
  void let_go(Handle& handle, bool reset) override;
  void linger(HandleExtension& extension, bool keeps_alive);
  void give_up_lingering(HandleExtension& extension);
  void linger_no_more(HandleExtension& extension);
  void close_now(HandleExtension& extension);
  static void cancel_requests(const HandleExtension& extension);
  void release_if_done(HandleExtension& extension);
  bool use_again(HandleExtension& extension, const Handle& handle);
  void disconnected(HandleExtension& extension, const Ended& ended);
  void need_housekeeping();
  void begin_housekeeping();
  void keep_house();
  bool look_at_lingering();
  void try_again(Handle& handle) override;

  // iocp_accept.cpp
  Error open_pool(Handle& handle);
  void close_pool(AcceptPool& pool);
  static void refuse(AcceptPool& pool, AcceptRequest& request);
  void top_up(Handle& handle);
  Error post_accept(AcceptPool& pool, const AcceptSettings& settings);
  void accept_came(AcceptRequest& request, const Ended& ended);
  void accept_failed(Handle& handle, Error error);
  void more_wanted(AcceptPool& pool);
  bool drop_silent(AcceptPool& pool);
  void serve_listener(Handle& handle) override;
  void establish_accepted(Handle& listener, AcceptRequest& request);

  // iocp_streams.cpp
  Error start_connecting(Handle& handle, const ConnectParameters& parameters) override;
  void serve_connecting(Handle& handle) override;
  bool has_ended(Handle& handle) override { return HasOverlappedIoCompleted(&handle.extension->waiting); }
  void connect_came(HandleExtension& extension, const Ended& ended);
  void establish(Handle& handle);
  sockets::Moved receive(Handle& handle, std::span<std::uint8_t> into) override;
  void await_data(Handle& handle) override;
  void awaits(HandleExtension& extension, bool on);
  void data_came(HandleExtension& extension, const Ended& ended);

  // iocp_send.cpp
  void await_room(Handle& handle) override { serve_sends(handle); }
  void serve_sends(Handle& handle) override;
  bool everything_is_out(const Handle& handle) const override;
  bool post_send(HandleExtension& extension, Operation& operation);
  bool post(SendRequest& request);
  void count_send(HandleExtension& extension, int by);
  void tear(HandleExtension& extension);
  void discard(SendRequest& request);
  void postpone(SendRequest& request);
  void post_postponed(HandleExtension& extension);
  void send_came(SendRequest& request, const Ended& ended);
  void go_on_sending(HandleExtension& extension, Error error);
  void send_failed(Handle& handle, Error error);
  CompletionPort port_;
  std::uint32_t outstanding_ = 0;  // requests of all sockets
  std::vector<EndedRequest> ended_;
  List<HandleExtension> lingering_;
  std::vector<AcceptPool*> pools_;
  Timer housekeeping_;
  Request house_{RequestKind::house, nullptr};  // comes behind the packets that were there when it began
  bool house_is_begun_ = false;                 // `house_` is on its way
  bool house_is_due_ = false;
  std::uint64_t house_begun_at_ = 0;
  std::optional<bool> may_skip_;  // a property of the provider
};

}  // namespace portside

// Completions emulated over readiness, once for every Poller: the system call is tried when an operation is
// submitted, and only where it would block does the operation wait for the descriptor's edge.
#pragma once

#include <memory>

#include "../streams/stream_backend.h"
#include "poller.h"
#include "readiness_sockets.h"

namespace portside {

class ReadinessBackend final : public StreamBackend {
 public:
  ReadinessBackend(std::unique_ptr<Poller> poller, EngineParts parts);
  ~ReadinessBackend() override;

  Error open() override { return poller_->open(); }

  Error prepare_to_block() override { return poller_->prepare_to_block(); }
  void block(int timeout) noexcept override { poller_->block(timeout); }
  void wake() noexcept override { poller_->wake(); }
  int descriptor() const override { return poller_->descriptor(); }

 private:
  // readiness_backend.cpp
  static std::uint64_t tag_of(const Handle& handle) {
    return (static_cast<std::uint64_t>(handle.generation) << 32) | handle.index;
  }
  unsigned ask_kernel() override;
  Error associate(Handle& handle) override;
  void let_go(Handle& handle, bool reset) override;
  void note(const ReadyEvent& event);

  // readiness_accept.cpp
  void serve_listener(Handle& handle) override;
  bool accept_one(Handle& handle);

  // readiness_connect.cpp
  Error start_connecting(Handle& /*handle*/, const ConnectParameters& /*parameters*/) override { return {}; }
  void serve_connecting(Handle& handle) override;
  bool has_ended(Handle& handle) override;

  // Edges come by themselves.
  sockets::Moved receive(Handle& handle, std::span<std::uint8_t> into) override {
    return sockets::receive(handle.descriptor, into);
  }
  void await_data(Handle& /*handle*/) override {}
  void try_again(Handle& handle) override;

  // readiness_send.cpp
  void await_room(Handle& handle) override;
  void serve_sends(Handle& handle) override;
  bool send_some(Handle& handle);
  bool everything_is_out(const Handle& /*handle*/) const override { return true; }

  std::unique_ptr<Poller> poller_;
};

}  // namespace portside

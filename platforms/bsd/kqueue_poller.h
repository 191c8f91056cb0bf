#pragma once

#include <sys/types.h>
// <sys/event.h> needs the types above on some systems.
#include <sys/event.h>

#include <array>
#include <atomic>
#include <vector>

#include "../../native/readiness/poller.h"

namespace portside {

class KqueuePoller final : public Poller {
 public:
  KqueuePoller() = default;
  ~KqueuePoller() override;

  Error open() override;
  Error add_connecting(int descriptor, std::uint64_t tag) override;
  Error add_stream(int descriptor, std::uint64_t tag) override;
  Error add_listener(int descriptor, std::uint64_t tag) override;
  Error await_room(int descriptor, std::uint64_t tag) override;
  void remove(int descriptor) override;
  std::span<const ReadyEvent> wait() override;
  // Nothing: open() has tried how the kqueue can be woken, as what it can be polled for depends on that.
  Error prepare_to_block() override { return {}; }
  void block(int timeout) noexcept override;
  void wake() noexcept override;
  int descriptor() const override { return pollable_ ? kqueue_ : -1; }

 private:
  using KernelEvent = struct kevent;  // kevent is also a function's name

  // Of a library's kqueue room.cmake says how many.
#ifdef PORTSIDE_KQUEUE_EVENTS
  static constexpr std::size_t events_per_wait = PORTSIDE_KQUEUE_EVENTS;
  static constexpr bool is_kernels = false;
#else
  static constexpr std::size_t events_per_wait = 64;
  static constexpr bool is_kernels = true;
#endif

  bool add_user_event() const;
  bool wakes();
  Error open_pipe();
  Error apply();
  void woken();

  int kqueue_ = -1;
  bool pollable_ = true;
  // The pipe that stands in for EVFILT_USER where there is none, or where it ends no sleep of ours; its tag
  // is no handle's.
  int wakeup_read_ = -1;
  int wakeup_write_ = -1;
  std::atomic<bool> wake_is_under_way_ = false;
  std::vector<KernelEvent> changes_;  // of the call to come
  std::vector<KernelEvent> receipts_;
  std::array<KernelEvent, events_per_wait> kernel_events_{};
  // What a sleep took where the kqueue cannot be polled: the sleeper's until there are some, then wait()'s.
  std::array<KernelEvent, events_per_wait> taken_events_{};
  std::atomic<int> taken_ = 0;
  std::array<ReadyEvent, events_per_wait> events_{};
};

}  // namespace portside

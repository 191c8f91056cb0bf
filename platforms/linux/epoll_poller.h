#pragma once

#include <sys/epoll.h>

#include <array>

#include "../../native/readiness/poller.h"

namespace portside {

class EpollPoller final : public Poller {
 public:
  EpollPoller() = default;
  ~EpollPoller() override;

  Error open() override;
  Error add_connecting(int descriptor, std::uint64_t tag) override;
  Error add_stream(int descriptor, std::uint64_t tag) override;
  Error add_listener(int descriptor, std::uint64_t tag) override;
  Error await_room(int descriptor, std::uint64_t tag) override;
  void remove(int descriptor) override;
  std::span<const ReadyEvent> wait() override;
  Error prepare_to_block() override;
  void block(int timeout) noexcept override;
  void wake() noexcept override;
  int descriptor() const override { return epoll_; }

 private:
  static constexpr std::size_t events_per_wait = 64;

  Error add(int descriptor, std::uint64_t tag, std::uint32_t interest) const;

  int epoll_ = -1;
  int wakeup_ = -1;  // an eventfd, where somebody sleeps in block(); its tag is no handle's
  std::array<epoll_event, events_per_wait> kernel_events_{};
  std::array<ReadyEvent, events_per_wait> events_{};
};

}  // namespace portside

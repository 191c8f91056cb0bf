// The kernel's queue: what is associated with it completes here. One thread at a time takes packets out, so
// that they are seen in the kernel's order.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>

#include "../../native/engine/error_code.h"
#include "windows_headers.h"

namespace portside {

class CompletionPort {
 public:
  CompletionPort() = default;
  CompletionPort(const CompletionPort&) = delete;
  CompletionPort& operator=(const CompletionPort&) = delete;
  ~CompletionPort();

  Error open();
  Error associate(SOCKET socket);
  // A packet of ours, from any thread. False when the OS has no memory for it.
  bool post(OVERLAPPED* overlapped) noexcept;

  // The next packets, after at most `timeout` milliseconds; those that only wake are left out. None while
  // another thread is in block(), which finds them and has a turn made. The span is good until the next call.
  std::span<const OVERLAPPED_ENTRY> take(DWORD timeout = 0);

  // From any thread: sleeps until there are packets (milliseconds; -1: however long), which stay for take().
  void block(int timeout) noexcept;
  void wake() noexcept { (void)post(nullptr); }
  bool has_kept() const { return kept_count_ != 0; }

 private:
  static constexpr std::size_t packets_per_call = 64;
  using Packets = std::array<OVERLAPPED_ENTRY, packets_per_call>;

  std::size_t ask(Packets& into, DWORD timeout) const noexcept;

  HANDLE port_ = nullptr;
  Packets taken_{};
  std::mutex asking_;  // whose holder asks the kernel
  // What block() found: asking the kernel takes packets out of its queue.
  std::mutex lock_;
  Packets kept_{};
  std::atomic<std::size_t> kept_count_{0};
};

}  // namespace portside

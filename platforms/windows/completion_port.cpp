#include "completion_port.h"

#include <algorithm>

#include "../../native/engine/check.h"
#include "windows_errors.h"

namespace portside {

CompletionPort::~CompletionPort() {
  if (port_ != nullptr) (void)::CloseHandle(port_);
}

Error CompletionPort::open() {
  // Two threads ask: JavaScript's, and the waker's.
  port_ = ::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 2);
  return port_ != nullptr ? Error{} : error_of(static_cast<std::int32_t>(::GetLastError()));
}

Error CompletionPort::associate(SOCKET socket) {
  return ::CreateIoCompletionPort(reinterpret_cast<HANDLE>(socket), port_, 0, 0) != nullptr
             ? Error{}
             : error_of(static_cast<std::int32_t>(::GetLastError()));
}

bool CompletionPort::post(OVERLAPPED* overlapped) noexcept {
  return ::PostQueuedCompletionStatus(port_, 0, 0, overlapped) != 0;
}

std::size_t CompletionPort::ask(Packets& into, DWORD timeout) const noexcept {
  ULONG count = 0;
  if (!::GetQueuedCompletionStatusEx(port_, into.data(), static_cast<ULONG>(into.size()), &count, timeout,
                                     FALSE)) {
    return 0;  // nothing within that time
  }
  const auto wakes = [](const OVERLAPPED_ENTRY& entry) { return entry.lpOverlapped == nullptr; };
  return static_cast<std::size_t>(std::remove_if(into.begin(), into.begin() + count, wakes) - into.begin());
}

std::span<const OVERLAPPED_ENTRY> CompletionPort::take(DWORD timeout) {
  if (!has_kept()) {
    const std::unique_lock asking(asking_, std::try_to_lock);
    if (!asking) return {};
    if (!has_kept()) return {taken_.data(), ask(taken_, timeout)};
  }
  const std::scoped_lock guard(lock_);
  taken_ = kept_;
  return {taken_.data(), kept_count_.exchange(0)};
}

void CompletionPort::block(int timeout) noexcept {
  const std::scoped_lock asking(asking_);
  if (has_kept()) return;
  Packets packets;
  const auto count = ask(packets, timeout < 0 ? INFINITE : static_cast<DWORD>(timeout));
  if (count == 0) return;
  const std::scoped_lock guard(lock_);
  PORTSIDE_CHECK(kept_count_ == 0);
  kept_ = packets;
  kept_count_ = count;
}

}  // namespace portside

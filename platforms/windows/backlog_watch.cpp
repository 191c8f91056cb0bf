#include "backlog_watch.h"

#include <mutex>
#include <unordered_map>

#include "windows_errors.h"

namespace portside {
namespace {

// Those that may be called, by number: under Wine a wait that was just unregistered may call once more, after
// UnregisterWaitEx() has said that it will not.
struct Watches {
  std::mutex lock;
  std::unordered_map<std::uintptr_t, BacklogWatch*> open;
  std::uintptr_t last = 0;
};

// Never destroyed: the system's threads call as long as the process lives.
Watches& watches() {
  static auto* all = new Watches;
  return *all;
}

}  // namespace

BacklogWatch::~BacklogWatch() {
  (void)close();
  if (event_ != nullptr) (void)::CloseHandle(event_);
}

Error BacklogWatch::open(SOCKET listener, CompletionPort& port, OVERLAPPED& packet) {
  const auto refused = [] { return error_of(static_cast<std::int32_t>(::GetLastError())); };
  port_ = &port;
  packet_ = &packet;
  event_ = ::CreateEventW(nullptr, FALSE, FALSE, nullptr);
  if (event_ == nullptr) return refused();
  if (::WSAEventSelect(listener, event_, FD_ACCEPT) != 0) return refused();
  {
    const std::scoped_lock guard(watches().lock);
    number_ = ++watches().last;
    watches().open.emplace(number_, this);
  }
  const BOOL done = ::RegisterWaitForSingleObject(&wait_, event_, called, reinterpret_cast<void*>(number_),
                                                  INFINITE, WT_EXECUTEINWAITTHREAD);
  if (done) return {};
  const Error error = refused();
  (void)close();
  return error;
}

void BacklogWatch::called(void* number, BOOLEAN /*timed_out*/) {
  auto& [lock, open, last] = watches();
  const std::scoped_lock guard(lock);
  const auto found = open.find(reinterpret_cast<std::uintptr_t>(number));
  if (found != open.end()) found->second->post();
}

void BacklogWatch::post() {
  if (!posted_.exchange(true) && !port_->post(packet_)) posted_ = false;
}

void BacklogWatch::heard(SOCKET listener) {
  posted_ = false;
  // What is recorded is not told of again. AcceptEx is not among the calls that change that (WSAEventSelect);
  // this one clears the record.
  WSANETWORKEVENTS told{};
  (void)::WSAEnumNetworkEvents(listener, nullptr, &told);
}

bool BacklogWatch::close() {
  if (number_ != 0) {
    const std::scoped_lock guard(watches().lock);
    watches().open.erase(number_);
    number_ = 0;
  }
  if (wait_ != nullptr) (void)::UnregisterWaitEx(wait_, INVALID_HANDLE_VALUE);
  wait_ = nullptr;
  return posted_;
}

}  // namespace portside

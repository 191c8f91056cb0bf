// Tells when connections wait in a listener's backlog and no accept waits for them: FD_ACCEPT.
#pragma once

#include <atomic>
#include <cstdint>

#include "completion_port.h"

namespace portside {

class BacklogWatch {
 public:
  BacklogWatch() = default;
  BacklogWatch(const BacklogWatch&) = delete;
  BacklogWatch& operator=(const BacklogWatch&) = delete;
  ~BacklogWatch();

  // Each time, `packet` is posted to `port`; not again before it was heard.
  Error open(SOCKET listener, CompletionPort& port, OVERLAPPED& packet);

  // To be called when the packet came, unless the watch was closed.
  void heard(SOCKET listener);

  // From here on nothing is posted. True when a packet is still on its way.
  bool close();

 private:
  static void CALLBACK called(void* number, BOOLEAN timed_out);
  void post();

  CompletionPort* port_ = nullptr;
  OVERLAPPED* packet_ = nullptr;
  HANDLE event_ = nullptr;
  HANDLE wait_ = nullptr;
  std::uintptr_t number_ = 0;
  std::atomic<bool> posted_{false};
};

}  // namespace portside

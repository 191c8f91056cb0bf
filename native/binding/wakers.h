// The two wakers, and what they need of the port they wake.
#pragma once

#include <node_api.h>

#include "../engine/backend.h"
#include "../engine/waker.h"

namespace portside {

class WakerHost {
 public:
  WakerHost() = default;
  WakerHost(const WakerHost&) = delete;
  WakerHost& operator=(const WakerHost&) = delete;

  virtual void turn() = 0;  // on JavaScript's thread; calls the waker's update() at its end
  // A turn after whatever else JavaScript's loop has to do (setImmediate); `referenced`: the process stays
  // alive for it. Until then turn() does nothing.
  // False when JavaScript could not be asked for it.
  virtual bool yield(bool referenced) = 0;

 protected:
  ~WakerHost() = default;
};

// Nested into the host's own loop, by the descriptor that is pollable while the kernel has something.
// Null where the room has no such thing, or when the loop refuses it. Defined by the room.
Waker* make_loop_waker(napi_env env, int descriptor, WakerHost& host);

// A thread that waits for the kernel. Null when no thread can be had.
Waker* make_thread_waker(napi_env env, Backend& backend, WakerHost& host);

}  // namespace portside

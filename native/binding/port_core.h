// What a port consists of below JavaScript's object: it outlives that object where the wakers' handles need
// it to.
#pragma once

#include <napi.h>

#include <memory>

#include "../engine/engine.h"
#include "arguments.h"
#include "lasting_memory.h"
#include "wakers.h"

namespace portside {

enum class WakerKind : std::uint8_t { loop, thread };

class PortCore final : public WakerHost {
 public:
  // What kept a port from being opened.
  struct Refusal {
    Error error;
    const char* missing = "";
  };

  // Null, with the reason, when there is not enough of something.
  static PortCore* open(Napi::Env env, const PortParameters& parameters, Napi::Function deliver,
                        Napi::Function yield, Refusal& refusal);

  Engine& engine() { return *engine_; }
  WakerKind waker_kind() const { return waker_kind_; }

  // The two pieces of memory as JavaScript sees them. The receive space gets new memory when a program has
  // taken the old one's away.
  napi_value rings() const { return rings_.array_buffer(); }
  napi_value received();

  void take_submissions();

  // After submissions, or anything else that may need a turn.
  void update();
  void set_referenced(bool referenced);

  // Ends the port. Nothing of it may be used afterwards; it deletes itself when the host's loop has let go of
  // it.
  void close();

  void turn() override;
  bool yield(bool referenced) override;
  void turn_after_yield();

 private:
  PortCore(Napi::Env env, Napi::Function deliver, Napi::Function yield);
  ~PortCore() = default;

  Refusal start(const PortParameters& parameters);
  Refusal make_memory(const PortParameters& parameters);
  Refusal start_waker(WakerKind kind);
  bool deliver();
  bool call_deliver();
  void keep_received();
  static void environment_ends(napi_async_cleanup_hook_handle handle, void* data);
  static void closed(void* data);

  Napi::Env env_;
  LastingMemory rings_;
  LastingMemory received_;
  bool received_can_be_taken_ = false;  // by a program, at any time: then it is looked at again and again
  Napi::FunctionReference deliver_;
  Napi::FunctionReference yield_;
  std::unique_ptr<Engine> engine_;
  Waker* waker_ = nullptr;
  WakerKind waker_kind_ = WakerKind::loop;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  bool referenced_ = true;
  bool turning_ = false;
  bool yielding_ = false;  // setImmediate is under way, and the next turn is its
  bool closing_ = false;
};

}  // namespace portside

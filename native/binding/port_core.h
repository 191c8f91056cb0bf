// What a port consists of below JavaScript's object: it outlives that object where the wakers' handles need
// it to.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>

#include "../engine/engine.h"
#include "wakers.h"

namespace portside {

enum class WakerKind : std::uint8_t { loop, thread };

class PortCore final : public WakerHost {
 public:
  struct Memory {
    Napi::ArrayBuffer rings;
    Napi::ArrayBuffer received;
  };

  // Null, with the error, when the OS refuses.
  static PortCore* open(Napi::Env env, const EngineOptions& options, WakerKind kind, Memory memory,
                        Napi::Function deliver, Napi::Function yield, Error& error);

  Engine& engine() { return *engine_; }
  WakerKind waker_kind() const { return waker_kind_; }

  // After submissions, or anything else that may need a turn.
  void update();
  void set_referenced(bool referenced);

  // Ends the port. Nothing of it may be used afterwards; it deletes itself when the host's loop has let go of
  // it.
  void close();

  void turn() override;
  void yield() override;
  void turn_after_yield();

 private:
  PortCore(Napi::Env env, Memory memory, Napi::Function deliver, Napi::Function yield);
  ~PortCore() = default;

  bool start(const EngineOptions& options, WakerKind kind, Memory memory, Error& error);
  bool deliver();
  static void environment_ends(napi_async_cleanup_hook_handle handle, void* data);
  static void closed(void* data);

  Napi::Env env_;
  Napi::Reference<Napi::ArrayBuffer> rings_;
  Napi::Reference<Napi::ArrayBuffer> received_;
  Napi::FunctionReference deliver_;
  Napi::FunctionReference yield_;
  std::unique_ptr<Engine> engine_;
  Waker* waker_ = nullptr;
  WakerKind waker_kind_ = WakerKind::loop;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  bool referenced_ = true;
  bool turning_ = false;
  bool yielding_ = false;  // setImmediate is under way
  bool closing_ = false;
};

}  // namespace portside

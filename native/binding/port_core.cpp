#include "port_core.h"

namespace portside {

PortCore::PortCore(Napi::Env env, Memory memory, Napi::Function deliver, Napi::Function yield)
    : env_(env),
      rings_(Napi::Reference<Napi::ArrayBuffer>::New(memory.rings, 1)),
      received_(Napi::Reference<Napi::ArrayBuffer>::New(memory.received, 1)),
      deliver_(Napi::Persistent(deliver)),
      yield_(Napi::Persistent(yield)) {}

PortCore* PortCore::open(Napi::Env env, const EngineOptions& options, WakerKind kind, Memory memory,
                         Napi::Function deliver, Napi::Function yield, Error& error) {
  auto* core = new PortCore(env, memory, deliver, yield);
  if (core->start(options, kind, memory, error)) return core;
  delete core;
  return nullptr;
}

bool PortCore::start(const EngineOptions& options, WakerKind kind, Memory memory, Error& error) {
  const Rings rings(static_cast<std::uint8_t*>(memory.rings.Data()),
                    static_cast<std::uint8_t*>(memory.received.Data()));
  engine_ = std::make_unique<Engine>(options, rings, [this] { return deliver(); });
  error = engine_->open();
  if (error) return false;
  waker_kind_ = kind;
  if (kind == WakerKind::loop) waker_ = make_loop_waker(env_, engine_->backend().descriptor(), *this);
  if (!waker_) {
    waker_kind_ = WakerKind::thread;
    waker_ = make_thread_waker(env_, engine_->backend(), *this);
  }
  if (!waker_) {
    error = {ErrorCode::AGAIN, 0};
    return false;
  }
  // A worker that is terminated with an open handle in its loop aborts the process.
  NAPI_FATAL_IF_FAILED(napi_add_async_cleanup_hook(env_, environment_ends, this, &cleanup_), "portside",
                       "open");
  update();  // from now on the waker waits
  return true;
}

void PortCore::update() {
  if (closing_ || turning_) return;  // a turn ends with an update of its own
  Rest rest = engine_->rest();
  rest.referenced = rest.referenced && referenced_;
  waker_->update(rest);
}

void PortCore::set_referenced(bool referenced) {
  referenced_ = referenced;
  update();
}

void PortCore::turn() {
  if (closing_ || turning_) return;
  const Napi::HandleScope scope(env_);
  turning_ = true;
  engine_->turn();
  turning_ = false;
  update();
}

void PortCore::yield() {
  if (yielding_) return;
  yielding_ = true;
  const Napi::HandleScope scope(env_);
  yield_.Value().Call({});
  if (!env_.IsExceptionPending()) return;
  (void)env_.GetAndClearPendingException();
  yielding_ = false;  // nothing was scheduled; the next update asks again
}

void PortCore::turn_after_yield() {
  yielding_ = false;
  turn();
}

bool PortCore::deliver() {
  const Napi::HandleScope scope(env_);
  napi_value global = nullptr;
  if (napi_get_global(env_, &global) != napi_ok) return false;
  napi_value result = nullptr;  // nobody wants it, but Deno writes it without asking whether it may
  const napi_status status = napi_make_callback(env_, nullptr, global, deliver_.Value(), 0, nullptr, &result);
  if (status == napi_ok) return true;
  // Handlers' exceptions are reported by JavaScript's side: this is a stack overflow, or a worker being
  // terminated.
  napi_value exception = nullptr;
  if (napi_get_and_clear_last_exception(env_, &exception) != napi_ok) return false;
  return napi_fatal_exception(env_, exception) == napi_ok;
}

void PortCore::close() {
  if (closing_) return;
  closing_ = true;
  engine_->close_mailbox();
  // Inside a turn the engine is still needed: the waker calls closed() from the host's loop, never from here.
  waker_->close(closed, this);
}

void PortCore::environment_ends(napi_async_cleanup_hook_handle /*handle*/, void* data) {
  static_cast<PortCore*>(data)->close();
}

void PortCore::closed(void* data) {
  auto* core = static_cast<PortCore*>(data);
  napi_async_cleanup_hook_handle cleanup = core->cleanup_;
  {
    const Napi::HandleScope scope(core->env_);
    delete core;
  }
  (void)napi_remove_async_cleanup_hook(cleanup);
}

}  // namespace portside

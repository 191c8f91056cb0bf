#include "port_core.h"

#include <algorithm>
#include <new>
#include <utility>

namespace portside {

namespace {

constexpr Error no_memory{ErrorCode::NOMEM, 0};

PortCore::Refusal refusal_of(LastingMemory::Failure failure) {
  if (failure == LastingMemory::Failure::none) return {};
  if (failure == LastingMemory::Failure::no_memory) return {no_memory, "memory"};
  return {{ErrorCode::NOTSUP, 0}, "ArrayBuffers over native memory"};
}

}  // namespace

PortCore::PortCore(Napi::Env env, Napi::Function deliver, Napi::Function yield)
    : env_(env), deliver_(Napi::Persistent(deliver)), yield_(Napi::Persistent(yield)) {}

PortCore* PortCore::open(Napi::Env env, const PortParameters& parameters, Napi::Function deliver,
                         Napi::Function yield, Refusal& refusal) {
  auto* core = new (std::nothrow) PortCore(env, deliver, yield);
  refusal = {no_memory, "memory"};
  if (!core) return nullptr;
  try {
    refusal = core->start(parameters);
  } catch (const std::bad_alloc&) {
    refusal = {no_memory, "memory"};
  }
  if (!refusal.error) return core;
  if (core->cleanup_ != nullptr) (void)napi_remove_async_cleanup_hook(core->cleanup_);
  delete core;
  return nullptr;
}

PortCore::Refusal PortCore::make_memory(const PortParameters& parameters) {
  if (const auto failure = rings_.renew(env_, rings_size); failure != LastingMemory::Failure::none)
    return refusal_of(failure);
  if (parameters.received && received_.adopt(env_, parameters.received, receive_space_size)) return {};
  return refusal_of(received_.renew(env_, receive_space_size));
}

PortCore::Refusal PortCore::start(const PortParameters& parameters) {
  received_can_be_taken_ = parameters.received_can_be_taken;
  if (const Refusal refusal = make_memory(parameters); refusal.error) return refusal;
  const EngineOptions options{.backend = parameters.backend.c_str(),
                              .batch = parameters.batch,
                              .polls = parameters.polls,
                              .counters_start = parameters.counters_start};
  engine_ =
      std::make_unique<Engine>(options, Rings(rings_.data(), received_.data()), [this] { return deliver(); });
  if (const Error error = engine_->open()) return {error, "a descriptor for the kernel's queue"};
  // A worker that is terminated with an open handle in its loop aborts the process.
  if (napi_add_async_cleanup_hook(env_, environment_ends, this, &cleanup_) != napi_ok)
    return {{ErrorCode::AGAIN, 0}, "an environment that does not end"};
  const Refusal refusal = start_waker(parameters.loop ? WakerKind::loop : WakerKind::thread);
  if (refusal.error) return refusal;
  engine_->open_mailbox([this] { waker_->wake(); });
  update();  // from now on the waker waits
  return {};
}

PortCore::Refusal PortCore::start_waker(WakerKind kind) {
  waker_kind_ = kind;
  if (kind == WakerKind::loop) waker_ = make_loop_waker(env_, engine_->backend().descriptor(), *this);
  if (waker_) return {};
  waker_kind_ = WakerKind::thread;
  if (const Error error = engine_->backend().prepare_to_block())
    return {error, "a descriptor to wake its thread by"};
  waker_ = make_thread_waker(env_, engine_->backend(), *this);
  if (!waker_) return {{ErrorCode::AGAIN, 0}, "a thread to wait for the kernel"};
  return {};
}

// Nothing may be received into memory that a program has taken. Without new memory, receiving waits.
void PortCore::keep_received() {
  if (!received_.is_detached()) return;
  LastingMemory taken;
  taken.swap(received_);
  if (received_.renew(env_, receive_space_size) != LastingMemory::Failure::none) {
    engine_->move_received(nullptr);
    taken.swap(received_);  // detached, so that it is tried again
    return;
  }
  if (taken.is_ours()) std::copy_n(taken.data(), engine_->received_bytes(), received_.data());
  engine_->move_received(received_.data());
}

void PortCore::take_submissions() {
  const Napi::HandleScope scope(env_);
  if (received_can_be_taken_) keep_received();  // what is sent may lie there
  engine_->take_submissions();
}

napi_value PortCore::received() {
  keep_received();
  return received_.array_buffer();
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
  if (closing_ || turning_ || yielding_) return;
  const Napi::HandleScope scope(env_);
  turning_ = true;
  if (received_can_be_taken_) keep_received();
  engine_->turn();
  turning_ = false;
  if (closing_) engine_.reset();
  update();
}

bool PortCore::yield(bool referenced) {
  if (yielding_) return true;
  yielding_ = true;
  const Napi::HandleScope scope(env_);
  yield_.Value().Call({Napi::Boolean::New(env_, referenced)});
  if (!env_.IsExceptionPending()) return true;
  (void)env_.GetAndClearPendingException();
  yielding_ = false;  // nothing was scheduled: the stack is used up, say
  return false;
}

void PortCore::turn_after_yield() {
  yielding_ = false;
  turn();
}

bool PortCore::deliver() {
  const Napi::HandleScope scope(env_);
  const bool alive = call_deliver();
  if (alive && received_can_be_taken_) keep_received();
  return alive;
}

bool PortCore::call_deliver() {
  napi_value global = nullptr;
  napi_value result = nullptr;  // some hosts write through it without looking
  if (napi_get_global(env_, &global) != napi_ok) return false;
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
  // The waker calls closed() from the host's loop, never from here. What the OS lent is given back at once,
  // but for a turn that is under way.
  waker_->close(closed, this);
  if (!turning_) engine_.reset();
}

void PortCore::environment_ends(napi_async_cleanup_hook_handle /*handle*/, void* data) {
  auto* core = static_cast<PortCore*>(data);
  // Last words: what was submitted and not yet taken. Nobody can be told how it went.
  if (!core->closing_ && has_values_at_end(core->env_)) core->take_submissions();
  core->close();
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

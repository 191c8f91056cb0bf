// The waker for hosts into whose loop the kernel's queue cannot be nested: a thread waits for the kernel and
// calls over once, then waits to be told to go on. What it may find there is left to the turn.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "../engine/engine.h"
#include "wakers.h"

namespace portside {
namespace {

constexpr std::uint64_t never = ~std::uint64_t{0};

// The host may take one call of the thread's right after the other, before anything else of its loop.
constexpr unsigned turns_before_yielding = 16;

class ThreadWaker final : public Waker {
 public:
  ThreadWaker(napi_env env, Backend& backend, WakerHost& host) : env_(env), backend_(backend), host_(&host) {}

  bool start();
  void update(const Rest& rest) override;
  void wake() noexcept override { backend_.wake(); }
  void close(void (*done)(void*), void* data) override;

 private:
  enum class State { at_rest, waiting, called };

  static void called(napi_env env, napi_value, void* context, void*);
  static void finalized(napi_env, void* data, void*);
  void run();
  void take_turn();
  void wait_until(std::uint64_t deadline);
  void set_referenced(bool referenced);

  napi_env env_;
  Backend& backend_;
  WakerHost* host_;  // null once closed
  napi_threadsafe_function call_ = nullptr;
  bool referenced_ = true;
  unsigned turns_ = 0;  // since the last yield
  void (*done_)(void*) = nullptr;
  void* done_data_ = nullptr;

  std::mutex lock_;
  std::condition_variable changed_;
  State state_ = State::at_rest;
  std::uint64_t deadline_ = never;
  std::uint64_t blocked_until_ = 0;  // 0: the thread is not asleep in the kernel
  bool stopping_ = false;
  std::thread thread_;
};

bool ThreadWaker::start() {
  napi_value name = nullptr;
  if (napi_create_string_utf8(env_, "portside", NAPI_AUTO_LENGTH, &name) != napi_ok) return false;
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, this, finalized, this, called,
                                      &call_) != napi_ok) {
    return false;
  }
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    stopping_ = true;  // finalized() deletes this object
    (void)napi_release_threadsafe_function(call_, napi_tsfn_abort);
    return false;
  }
  set_referenced(false);
  return true;
}

void ThreadWaker::run() {
  std::unique_lock guard(lock_);
  for (;;) {
    changed_.wait(guard, [this] { return stopping_ || state_ == State::waiting; });
    if (stopping_) return;
    blocked_until_ = deadline_;
    const auto now = milliseconds_now();
    const auto left = deadline_ <= now ? 0 : std::min<std::uint64_t>(deadline_ - now, 0x7fffffff);
    const int timeout = deadline_ == never ? -1 : static_cast<int>(left);
    guard.unlock();
    backend_.block(timeout);
    guard.lock();
    blocked_until_ = 0;
    if (stopping_) return;
    state_ = State::called;
    // Its only failure here is a host that is shutting down, which ends this thread through close().
    (void)napi_call_threadsafe_function(call_, nullptr, napi_tsfn_nonblocking);
  }
}

void ThreadWaker::called(napi_env env, napi_value /*function*/, void* context, void* /*data*/) {
  // Without an environment a call is only being thrown away, after finalized(): the waker is gone.
  if (env == nullptr) return;
  auto* waker = static_cast<ThreadWaker*>(context);
  {
    const std::scoped_lock guard(waker->lock_);
    waker->state_ = State::at_rest;
  }
  if (waker->host_ != nullptr) waker->take_turn();
}

void ThreadWaker::take_turn() {
  if (++turns_ <= turns_before_yielding) return host_->turn();
  turns_ = 0;
  host_->yield(referenced_);
}

void ThreadWaker::update(const Rest& rest) {
  set_referenced(rest.referenced);
  if (!rest.more) return wait_until(rest.deadline.value_or(never));
  turns_ = 0;
  // setImmediate lets timers, files and promises have their turn before ours. One that must not keep the
  // process alive does not wake a loop that sleeps, either: the thread's call does, and the turn follows it.
  if (!host_->yield(rest.referenced) || !rest.referenced) wait_until(0);
}

void ThreadWaker::wait_until(std::uint64_t deadline) {
  bool wake = false;
  {
    const std::scoped_lock guard(lock_);
    if (stopping_ || state_ == State::called) return;  // a turn comes anyway
    // Compared with what the thread really sleeps on: a turn may have taken an earlier wake-up away before it
    // was heard.
    wake = deadline < blocked_until_;
    deadline_ = deadline;
    state_ = State::waiting;
  }
  changed_.notify_one();
  if (wake) backend_.wake();
}

void ThreadWaker::set_referenced(bool referenced) {
  if (referenced == referenced_) return;
  referenced_ = referenced;
  (void)(referenced ? napi_ref_threadsafe_function(env_, call_)
                    : napi_unref_threadsafe_function(env_, call_));
}

void ThreadWaker::close(void (*done)(void*), void* data) {
  host_ = nullptr;
  done_ = done;
  done_data_ = data;
  {
    const std::scoped_lock guard(lock_);
    stopping_ = true;
  }
  changed_.notify_one();
  backend_.wake();
  thread_.join();
  (void)napi_release_threadsafe_function(call_, napi_tsfn_abort);
}

void ThreadWaker::finalized(napi_env /*env*/, void* data, void* /*hint*/) {
  auto* waker = static_cast<ThreadWaker*>(data);
  auto* const done = waker->done_;
  auto* const done_data = waker->done_data_;
  delete waker;
  if (done) done(done_data);
}

}  // namespace

Waker* make_thread_waker(napi_env env, Backend& backend, WakerHost& host) {
  auto* waker = new ThreadWaker(env, backend, host);
  if (waker->start()) return waker;
  return nullptr;
}

}  // namespace portside

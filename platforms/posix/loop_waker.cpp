// The waker nested into Node's own loop: libuv watches the kernel queue's descriptor like any other. Its
// functions are declared here, as uv.h is not everywhere; their sizes are asked for at run time (libuv,
// "uv_handle_size").
#include <array>
#include <cstdlib>
#include <utility>

#include "../../native/binding/wakers.h"
#include "../../native/engine/engine.h"

extern "C" {
struct uv_loop_s;
struct uv_handle_s;
using uv_callback = void (*)(uv_handle_s*);
using uv_poll_callback = void (*)(uv_handle_s*, int, int);
std::size_t uv_handle_size(int type);
int uv_poll_init(uv_loop_s*, uv_handle_s*, int descriptor);
int uv_poll_start(uv_handle_s*, int events, uv_poll_callback);
int uv_async_init(uv_loop_s*, uv_handle_s*, uv_callback);
int uv_async_send(uv_handle_s*);
int uv_idle_init(uv_loop_s*, uv_handle_s*);
int uv_idle_start(uv_handle_s*, uv_callback);
int uv_idle_stop(uv_handle_s*);
int uv_timer_init(uv_loop_s*, uv_handle_s*);
int uv_timer_start(uv_handle_s*, uv_callback, std::uint64_t timeout, std::uint64_t repeat);
int uv_timer_stop(uv_handle_s*);
void uv_update_time(uv_loop_s*);
void uv_close(uv_handle_s*, uv_callback);
void uv_ref(uv_handle_s*);
void uv_unref(uv_handle_s*);
void uv_handle_set_data(uv_handle_s*, void*);
void* uv_handle_get_data(const uv_handle_s*);
}

namespace portside {
namespace {

// libuv's numbers, part of its ABI.
constexpr int async_type = 1;
constexpr int idle_type = 6;
constexpr int poll_type = 8;
constexpr int timer_type = 13;
constexpr int readable = 1;

class LoopWaker final : public Waker {
 public:
  LoopWaker(uv_loop_s* loop, WakerHost& host) : loop_(loop), host_(host) {}

  // False when the loop refuses; the waker is gone then.
  bool start(int descriptor);
  void update(const Rest& rest) override;
  // One descriptor of the loop's serves all ports that live in it.
  void wake() noexcept override { (void)uv_async_send(async_); }
  void close(void (*done)(void*), void* data) override;

 private:
  bool make_handles();
  static LoopWaker& of(const uv_handle_s* handle) {
    return *static_cast<LoopWaker*>(uv_handle_get_data(handle));
  }
  static void on_turn(uv_handle_s* handle) { of(handle).host_.turn(); }
  static void on_timer(uv_handle_s* handle);
  static void on_readable(uv_handle_s* handle, int, int) { of(handle).host_.turn(); }
  static void on_closed(uv_handle_s* handle);

  uv_loop_s* loop_;
  WakerHost& host_;
  uv_handle_s* poll_ = nullptr;
  uv_handle_s* idle_ = nullptr;  // runs a turn in every round of the loop while there is more to do
  uv_handle_s* timer_ = nullptr;
  uv_handle_s* async_ = nullptr;  // other threads have a turn made
  std::optional<std::uint64_t> deadline_;
  bool referenced_ = true;
  bool idling_ = false;
  int open_handles_ = 0;
  void (*done_)(void*) = nullptr;
  void* done_data_ = nullptr;
};

bool LoopWaker::make_handles() {
  const std::array kinds = {std::pair(&poll_, poll_type), std::pair(&async_, async_type),
                            std::pair(&idle_, idle_type), std::pair(&timer_, timer_type)};
  for (const auto& [handle, type] : kinds) {
    *handle = static_cast<uv_handle_s*>(std::calloc(1, uv_handle_size(type)));
    if (!*handle) return false;
  }
  return true;
}

bool LoopWaker::start(int descriptor) {
  const bool made = make_handles();
  if (!made || uv_poll_init(loop_, poll_, descriptor) != 0) {
    for (auto* handle : {poll_, async_, idle_, timer_})
      std::free(handle);
    delete this;
    return false;
  }
  (void)uv_idle_init(loop_, idle_);
  (void)uv_timer_init(loop_, timer_);
  const bool wakes = uv_async_init(loop_, async_, on_turn) == 0;
  if (!wakes) std::free(std::exchange(async_, nullptr));
  for (auto* handle : {poll_, idle_, timer_, async_}) {
    if (!handle) continue;
    open_handles_++;
    uv_handle_set_data(handle, this);
    // Only the poll handle ever holds the process.
    uv_unref(handle);
  }
  referenced_ = false;
  if (wakes && uv_poll_start(poll_, readable, on_readable) == 0) return true;
  close(nullptr, nullptr);
  return false;
}

void LoopWaker::update(const Rest& rest) {
  if (rest.referenced != referenced_) {
    referenced_ = rest.referenced;
    referenced_ ? uv_ref(poll_) : uv_unref(poll_);
  }
  if (rest.more != idling_) {
    idling_ = rest.more;
    (void)(idling_ ? uv_idle_start(idle_, on_turn) : uv_idle_stop(idle_));
  }
  if (rest.deadline == deadline_) return;
  deadline_ = rest.deadline;
  if (!deadline_) {
    (void)uv_timer_stop(timer_);
    return;
  }
  const auto now = milliseconds_now();
  uv_update_time(loop_);  // a timer counts from the loop's own idea of now, which may be old
  (void)uv_timer_start(timer_, on_timer, *deadline_ > now ? *deadline_ - now : 0, 0);
}

void LoopWaker::on_timer(uv_handle_s* handle) {
  of(handle).deadline_.reset();
  of(handle).host_.turn();
}

void LoopWaker::close(void (*done)(void*), void* data) {
  done_ = done;
  done_data_ = data;
  for (auto* handle : {poll_, idle_, timer_, async_}) {
    if (handle) uv_close(handle, on_closed);
  }
}

void LoopWaker::on_closed(uv_handle_s* handle) {
  LoopWaker& waker = of(handle);
  std::free(handle);
  if (--waker.open_handles_ > 0) return;
  if (waker.done_) waker.done_(waker.done_data_);
  delete &waker;
}

}  // namespace

Waker* make_loop_waker(napi_env env, int descriptor, WakerHost& host) {
  uv_loop_s* loop = nullptr;
  if (descriptor < 0 || napi_get_uv_event_loop(env, &loop) != napi_ok || !loop) return nullptr;
  auto* waker = new LoopWaker(loop, host);
  return waker->start(descriptor) ? waker : nullptr;
}

}  // namespace portside

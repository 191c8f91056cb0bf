// The timer wheel against a model: random starts, stops and jumps of the clock. Every timer must expire
// exactly once, not before its time, and no later than the first advance() at or after it.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "../../native/engine/timer_wheel.h"

namespace {

using portside::List;
using portside::Timer;
using portside::TimerWheel;

void require(bool condition, const char* what, unsigned seed) {
  if (condition) return;
  std::fprintf(stderr, "seed %u: %s\n", seed, what);
  std::exit(1);
}

class Life {
 public:
  explicit Life(unsigned seed) : seed_(seed), random_(seed), now_(random_() % 100000), wheel_(now_) {}

  void run() {
    for (int step = 0; step < 2000; step++) {
      const auto choice = random_() % 10;
      if (choice < 5) {
        start();
      } else if (choice < 6) {
        stop();
      } else {
        advance();
      }
    }
    for (int i = 0; i < 100000 && !active_.empty(); i++) {
      now_ = *wheel_.next();
      expire();
    }
    require(active_.empty(), "timers are left that never expire", seed_);
    require(wheel_.size() == 0 && !wheel_.next(), "the wheel believes that timers are left", seed_);
  }

 private:
  std::uint64_t some_delay() {
    static constexpr std::uint64_t ranges[] = {1,     10,    255,   256,      257,     5000,
                                               65535, 65536, 70000, 1U << 24, 1U << 30};
    return random_() % (ranges[random_() % std::size(ranges)] + 1);
  }

  void start() {
    auto timer = std::make_unique<Timer>();
    Timer* key = timer.get();
    const auto expiry = now_ + some_delay();
    wheel_.start(*timer, expiry);
    active_.emplace(key, std::move(timer));
  }

  void stop() {
    if (active_.empty()) return;
    auto victim = active_.begin();
    std::advance(victim, static_cast<long>(random_() % active_.size()));
    wheel_.stop(*victim->second);
    active_.erase(victim);
  }

  void advance() {
    const auto next = wheel_.next();
    for (const auto& [key, timer] : active_) {
      require(next && *next <= timer->expiry, "next() is later than a timer", seed_);
    }
    now_ += some_delay();
    expire();
  }

  void expire() {
    List<Timer> expired;
    wheel_.advance(now_, expired);
    std::uint64_t last = 0;
    while (Timer* timer = expired.take_first()) {
      require(active_.count(timer) == 1, "a timer expired that was not running", seed_);
      require(timer->expiry <= now_, "a timer expired early", seed_);
      require(timer->expiry >= last, "timers expired out of order", seed_);
      last = timer->expiry;
      active_.erase(timer);
    }
    for (const auto& [key, timer] : active_)
      require(timer->expiry > now_, "a timer is late", seed_);
    require(wheel_.size() == active_.size(), "the wheel counts wrongly", seed_);
  }

  unsigned seed_;
  std::mt19937 random_;
  std::uint64_t now_;
  TimerWheel wheel_;
  std::map<Timer*, std::unique_ptr<Timer>> active_;
};

}  // namespace

int main() {
  for (unsigned seed = 1; seed <= 200; seed++)
    Life(seed).run();
  std::puts("200 lives of the timer wheel agree with the model");
  return 0;
}

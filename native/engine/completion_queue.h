// Completions on their way to JavaScript. They are written straight into the ring while it has room; what
// comes beyond a batch (10 000 sends that are done at once, say) waits in line and keeps its order.
//
// Half of each batch is the kernel's if it has something, whoever else could fill it: operations that are
// submitted again and again from their own completions, timers, packets. Of a batch of one they have every
// second.
#pragma once

#include <cstdint>
#include <deque>

#include "check.h"
#include "rings.h"

namespace portside {

class CompletionQueue {
 public:
  CompletionQueue(Rings& rings, std::uint32_t batch) : rings_(rings), batch_(batch), limit_(batch / 2) {}

  bool has_room() const { return !published_ && count_ < limit_; }
  bool empty() const { return count_ == 0 && line_.empty(); }
  std::uint32_t count() const { return count_; }

  // True when it went into the ring; false when it stands in line, and `passed` will be told later.
  bool push(const Completion& completion) {
    if (completion.kind == CompletionKind::blocked) rings_.control().blockades++;
    if (line_.empty() && has_room()) {
      place(completion);
      return true;
    }
    line_.push_back(completion);
    joined_++;
    return false;
  }

  // Everything that stands in line now has passed when passed_by(line_end()) is true. The places wrap, and
  // none of them is 0.
  std::uint32_t line_end() const { return joined_ == 0 ? 1 : joined_; }
  bool passed_by(std::uint32_t end) const {
    const auto passed = joined_ - static_cast<std::uint32_t>(line_.size());
    return static_cast<std::int32_t>(passed - end) >= 0;
  }

  // For what the kernel brought: ahead of the line, which must not hold the kernel up. The caller has made
  // sure that nothing of the same handle stands in line, so no handle sees its completions out of order.
  void push_ahead(const Completion& completion) {
    PORTSIDE_CHECK(has_room());
    place(completion);
  }

  // From now on the ring is filled with what the kernel brought; before that, from the line, but for the
  // kernel's share if it has something.
  template <typename Passed>
  void begin_kernels_part(bool kernel_has_something, Passed passed) {
    const auto lines_share = (batch_ + (lines_turn_ ? 1 : 0)) / 2;
    if (kernel_has_something) lines_turn_ = !lines_turn_;
    limit_ = batch_;
    refill(kernel_has_something ? lines_share : batch_, passed);
  }

  // What the kernel has left of the batch is the line's.
  template <typename Passed>
  void end_kernels_part(Passed passed) {
    refill(batch_, passed);
    limit_ = batch_ / 2;
  }

  // From publish() to reopen() the ring is JavaScript's: what completes meanwhile stands in line.
  void publish() {
    rings_.control().completions = static_cast<std::int32_t>(count_);
    count_ = 0;
    published_ = true;
  }
  void reopen() { published_ = false; }

 private:
  template <typename Passed>
  void refill(std::uint32_t limit, Passed passed) {
    while (count_ < limit && !line_.empty()) {
      place(line_.front());
      passed(line_.front());
      line_.pop_front();
    }
  }

  void place(const Completion& completion) { rings_.completion(count_++) = completion; }

  Rings& rings_;
  std::uint32_t batch_;
  std::uint32_t limit_;      // how far the ring may be filled now
  bool lines_turn_ = true;  // the odd place of a shared batch is the line's
  std::uint32_t count_ = 0;
  bool published_ = false;
  std::deque<Completion> line_;
  std::uint32_t joined_ = 0;
};

}  // namespace portside

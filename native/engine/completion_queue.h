// Completions on their way to JavaScript. They are written straight into the ring while it has room; what
// comes beyond a batch (10 000 sends that are done at once, say) waits in line and keeps its order.
#pragma once

#include <cstdint>
#include <deque>

#include "check.h"
#include "rings.h"

namespace portside {

class CompletionQueue {
 public:
  CompletionQueue(Rings& rings, std::uint32_t batch) : rings_(rings), batch_(batch) {}

  bool has_room() const { return !published_ && count_ < batch_; }
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
    return false;
  }

  // For what the kernel brought: ahead of the line, which must not hold the kernel up. The caller has made
  // sure that nothing of the same handle stands in line, so no handle sees its completions out of order.
  void push_ahead(const Completion& completion) {
    PORTSIDE_CHECK(has_room());
    place(completion);
  }

  // Fills the ring from the line. While the kernel has something too it gets the other half of the batch.
  template <typename Passed>
  void refill(bool share, Passed passed) {
    const auto limit = share ? (batch_ + 1) / 2 : batch_;
    while (count_ < limit && !line_.empty()) {
      place(line_.front());
      passed(line_.front());
      line_.pop_front();
    }
  }

  // From publish() to reopen() the ring is JavaScript's: what completes meanwhile stands in line.
  void publish() {
    rings_.control().completions = static_cast<std::int32_t>(count_);
    count_ = 0;
    published_ = true;
  }
  void reopen() { published_ = false; }

 private:
  void place(const Completion& completion) { rings_.completion(count_++) = completion; }

  Rings& rings_;
  std::uint32_t batch_;
  std::uint32_t count_ = 0;
  bool published_ = false;
  std::deque<Completion> line_;
};

}  // namespace portside

// One kqueue. Its descriptor is an epoll's that holds three others: one that watches for input, one for room
// to write (so that the kernel says which of the two it was), and an eventfd that is readable while events
// are due that no other call would bring. Hence it can be polled, and lie in another poller, as a kqueue can.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <span>

#include "knote.h"

namespace kq {

class Queue {
 public:
  Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue();

  // What kqueue() returns, and what can be polled: the same, but in the variant that imitates a library whose
  // kqueue cannot.
  int descriptor() const { return opaque_ >= 0 ? opaque_ : whole_; }
  int pollable() const { return whole_; }
  // Its descriptor was closed behind our back, and the number is another's.
  void disown_descriptor() { (opaque_ >= 0 ? opaque_ : whole_) = -1; }

  // kevent(2), but for its sleep: the entries written, or −1 and errno. `answered` says that changes were.
  int call(std::span<const struct kevent> changes, std::span<struct kevent> events, bool& answered);

 private:
  int change(const struct kevent& change);
  int add(const struct kevent& change);
  int remove(std::map<Key, Knote>::iterator at);
  int watch(Knote& knote);
  void unwatch(const Knote& knote);
  bool is_stale(const Knote& knote) const;
  void activate(Knote& knote);
  void pull();
  void pull_from(int epoll, std::int16_t filter);
  std::size_t collect(std::span<struct kevent> events);
  std::optional<struct kevent> due(Knote& knote);
  bool has_due();
  void announce();

  std::mutex lock_;
  int whole_ = -1;
  int opaque_ = -1;
  int reads_ = -1;
  int writes_ = -1;
  int due_ = -1;
  std::map<Key, Knote> knotes_;
  std::deque<Key> active_;  // in the order in which they became so
};

}  // namespace kq

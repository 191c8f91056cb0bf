// An intrusive list: no allocation to link, O(1) to take any element out.
#pragma once

#include "check.h"

namespace portside {

template <typename T>
struct Link {
  T* previous = nullptr;
  T* next = nullptr;
};

// T derives from Link<T>. An element is in at most one list at a time.
template <typename T>
class List {
 public:
  bool empty() const { return first_ == nullptr; }
  T* first() const { return first_; }

  void append(T& element) {
    PORTSIDE_CHECK(element.previous == nullptr && element.next == nullptr);
    element.previous = last_;
    (last_ ? last_->next : first_) = &element;
    last_ = &element;
  }

  void remove(T& element) {
    (element.previous ? element.previous->next : first_) = element.next;
    (element.next ? element.next->previous : last_) = element.previous;
    element.previous = element.next = nullptr;
  }

  T* take_first() {
    T* element = first_;
    if (element) remove(*element);
    return element;
  }

  T* last() const { return last_; }

 private:
  T* first_ = nullptr;
  T* last_ = nullptr;
};

}  // namespace portside

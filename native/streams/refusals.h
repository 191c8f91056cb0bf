// Requests that the OS shall be taken to refuse for want of memory: for tests, as no system can be asked to.
#pragma once

#include <atomic>
#include <cstdint>

namespace portside::refusals {

inline std::atomic<std::uint32_t> every{0};  // 0: none
inline std::atomic<std::uint32_t> requests{0};

inline bool strikes() {
  const auto one_of = every.load(std::memory_order_relaxed);
  return one_of != 0 && requests.fetch_add(1, std::memory_order_relaxed) % one_of == 0;
}

}  // namespace portside::refusals

#pragma once

#include <chrono>
#include <cstdint>

/// Nanoseconds of a clock that never goes back.
inline std::uint64_t nanoseconds() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

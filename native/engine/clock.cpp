#include "clock.h"

#include <chrono>

namespace portside {

std::uint64_t milliseconds_now() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

}  // namespace portside

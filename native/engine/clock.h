// The engine's clock.
#pragma once

#include <cstdint>

namespace portside {

// Milliseconds since some moment in the past; it never goes back.
std::uint64_t milliseconds_now();

}  // namespace portside

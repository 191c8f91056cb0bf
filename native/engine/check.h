// Invariants, stated in code. On in debug and sanitizer builds, free in release builds.
#pragma once

#ifdef PORTSIDE_CHECKS
#include <cstdio>
#include <cstdlib>

namespace portside {
[[noreturn]] inline void check_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "portside: invariant broken: %s (%s:%d)\n", what, file, line);
  std::abort();
}
}  // namespace portside

#define PORTSIDE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::portside::check_failed(#condition, __FILE__, __LINE__))
#else
#define PORTSIDE_CHECK(condition) static_cast<void>(0)
#endif

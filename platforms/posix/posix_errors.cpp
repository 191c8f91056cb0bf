#include "posix_errors.h"

#include <array>
#include <cerrno>

namespace portside {
namespace {

struct Row {
  int native;
  ErrorCode code;
};

// On POSIX systems the contract's names are the system's own; only the numbers differ from one to the next.
constexpr std::array rows = {
#define PORTSIDE_ROW(name) Row{E##name, ErrorCode::name},
    PORTSIDE_ERROR_CODES(PORTSIDE_ROW)
#undef PORTSIDE_ROW
};

}  // namespace

Error error_of(std::int32_t native) {
  if (native == EWOULDBLOCK) return {ErrorCode::AGAIN, native};
  for (const auto& row : rows) {
    if (row.native == native) return {row.code, native};
  }
  return {ErrorCode::UNKNOWN, native};
}

Error last_error() {
  return error_of(errno);
}

}  // namespace portside

#pragma once

#include <cstdint>

#include "../../native/engine/error_code.h"

namespace portside {

// Of a Winsock code, a Win32 code (what GetLastError says of a completion) or an NTSTATUS (what an OVERLAPPED
// holds): their numbers do not overlap.
Error error_of(std::uint32_t native);
Error last_error();  // of WSAGetLastError()

}  // namespace portside

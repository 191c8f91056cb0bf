#pragma once

#include "../../native/engine/backend.h"

namespace portside {

// The numbers of error_of() are Winsock codes, Win32 codes (what GetLastError says) and NTSTATUS codes (what
// an OVERLAPPED holds): they do not overlap.
Error last_error();  // of WSAGetLastError()

}  // namespace portside

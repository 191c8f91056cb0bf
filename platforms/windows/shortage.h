// Shortage that tests bring about, as Windows has no limit that could be lowered for one process.
#pragma once

namespace portside::shortage {

// Room for one more socket; given back with release_socket(). False at the limit (limit_sockets).
bool take_socket();
void release_socket();

// Whether the OS shall be taken to refuse this request for want of memory (refuse_requests). Sets
// WSAGetLastError().
bool strikes();

}  // namespace portside::shortage

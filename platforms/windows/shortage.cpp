#include "shortage.h"

#include <atomic>
#include <cstdint>
#include <limits>

#include "../../native/engine/backend.h"
#include "../../native/streams/refusals.h"
#include "windows_headers.h"

namespace portside {
namespace {

std::atomic<std::uint32_t> sockets_open{0};
std::atomic<std::uint32_t> most_sockets{std::numeric_limits<std::uint32_t>::max()};

}  // namespace

bool limit_sockets(std::uint32_t limit) {
  most_sockets = limit;
  return true;
}

bool refuse_requests(std::uint32_t every) {
  refusals::every = every;
  return true;
}

namespace shortage {

bool take_socket() {
  if (sockets_open.fetch_add(1) < most_sockets) return true;
  sockets_open--;
  return false;
}

void release_socket() {
  sockets_open--;
}

bool strikes() {
  if (!refusals::strikes()) return false;
  ::WSASetLastError(WSAENOBUFS);
  return true;
}

}  // namespace shortage
}  // namespace portside

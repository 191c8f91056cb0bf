#include "shortage.h"

#include <atomic>
#include <cstdint>
#include <limits>

#include "../../native/engine/backend.h"
#include "windows_headers.h"

namespace portside {
namespace {

std::atomic<std::uint32_t> sockets_open{0};
std::atomic<std::uint32_t> most_sockets{std::numeric_limits<std::uint32_t>::max()};

std::atomic<std::uint32_t> refused_every{0};  // 0: none
std::atomic<std::uint32_t> requests{0};

}  // namespace

bool limit_sockets(std::uint32_t limit) {
  most_sockets = limit;
  return true;
}

bool refuse_requests(std::uint32_t every) {
  refused_every = every;
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
  const auto every = refused_every.load(std::memory_order_relaxed);
  if (every == 0 || requests.fetch_add(1) % every != 0) return false;
  ::WSASetLastError(WSAENOBUFS);
  return true;
}

}  // namespace shortage
}  // namespace portside

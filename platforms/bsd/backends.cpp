#include <array>

#include "../../native/readiness/readiness_backend.h"
#include "kqueue_poller.h"

namespace portside {

std::span<const char* const> backend_names() {
  static constexpr std::array names = {"kqueue"};
  return names;
}

std::unique_ptr<Backend> make_backend(const char* /*name: there is but one*/, EngineParts parts) {
  return std::make_unique<ReadinessBackend>(std::make_unique<KqueuePoller>(), parts);
}

}  // namespace portside

#include <array>

#include "../../native/binding/wakers.h"
#include "iocp_backend.h"

namespace portside {

std::span<const char* const> backend_names() {
  static constexpr std::array names = {"iocp"};
  return names;
}

std::unique_ptr<Backend> make_backend(const char* /*name: there is but one*/, EngineParts parts) {
  return std::make_unique<IocpBackend>(parts);
}

// Node's loop on Windows waits on a completion port of its own, and cannot wait on another one.
Waker* make_loop_waker(napi_env /*env*/, int /*descriptor*/, WakerHost& /*host*/) {
  return nullptr;
}

}  // namespace portside

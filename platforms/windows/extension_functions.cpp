#include "extension_functions.h"

#include <mutex>

#include "windows_sockets.h"

namespace portside {
namespace {

template <typename Function>
bool fetch(SOCKET socket, GUID name, Function& function) {
  DWORD bytes = 0;
  return ::WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &name, sizeof(name), &function,
                    sizeof(function), &bytes, nullptr, nullptr) == 0;
}

// Whether all of them are there.
bool fetch_all(int family, ExtensionFunctions& into) {
  const auto made = sockets::open_socket(family);
  if (made.error) return false;
  const SOCKET socket = sockets::socket_of(made.descriptor);
  const bool all = fetch(socket, WSAID_ACCEPTEX, into.accept_ex) &&
                   fetch(socket, WSAID_CONNECTEX, into.connect_ex) &&
                   fetch(socket, WSAID_DISCONNECTEX, into.disconnect_ex);
  sockets::close(made.descriptor);
  return all;
}

struct Known {
  bool all = false;
  ExtensionFunctions functions;
};

}  // namespace

const ExtensionFunctions* extension_functions(int family) {
  static std::mutex lock;
  static Known v4;
  static Known v6;
  Known& known = family == AF_INET6 ? v6 : v4;
  const std::scoped_lock guard(lock);
  // What a shortage has spoilt is asked for again.
  if (!known.all) known.all = fetch_all(family, known.functions);
  return known.all ? &known.functions : nullptr;
}

}  // namespace portside

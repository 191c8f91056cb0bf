#include "extension_functions.h"

#include "windows_sockets.h"

namespace portside {
namespace {

template <typename Function>
void fetch(SOCKET socket, GUID name, Function& function) {
  DWORD bytes = 0;
  if (::WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &name, sizeof(name), &function, sizeof(function),
                 &bytes, nullptr, nullptr) != 0) {
    function = nullptr;  // the caller answers ENOSYS
  }
}

ExtensionFunctions fetch_all(int family) {
  ExtensionFunctions functions;
  const SOCKET socket = ::WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, nullptr, 0, WSA_FLAG_OVERLAPPED);
  if (socket == INVALID_SOCKET) return functions;
  fetch(socket, WSAID_ACCEPTEX, functions.accept_ex);
  fetch(socket, WSAID_CONNECTEX, functions.connect_ex);
  fetch(socket, WSAID_DISCONNECTEX, functions.disconnect_ex);
  (void)::closesocket(socket);
  return functions;
}

}  // namespace

const ExtensionFunctions& extension_functions(int family) {
  static const ExtensionFunctions v4 = fetch_all(AF_INET);
  if (family == AF_INET) return v4;
  static const ExtensionFunctions v6 = fetch_all(AF_INET6);
  return v6;
}

}  // namespace portside

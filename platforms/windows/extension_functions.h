// Winsock's extension functions: each provider has its own, and hands them out by WSAIoctl.
#pragma once

#include "windows_headers.h"

namespace portside {

struct ExtensionFunctions {
  LPFN_ACCEPTEX accept_ex = nullptr;
  LPFN_CONNECTEX connect_ex = nullptr;
  LPFN_DISCONNECTEX disconnect_ex = nullptr;
};

// Those of the family's provider, asked for once a process; null when they cannot be had.
const ExtensionFunctions* extension_functions(int family);

}  // namespace portside

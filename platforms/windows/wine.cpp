#include "wine.h"

#include "windows_headers.h"

namespace portside {

// Its own answer to the question (Wine's developer FAQ).
bool runs_on_wine() {
  static const bool wine = [] {
    const HMODULE ntdll = ::GetModuleHandleW(L"ntdll.dll");
    return ntdll != nullptr && ::GetProcAddress(ntdll, "wine_get_version") != nullptr;
  }();
  return wine;
}

}  // namespace portside

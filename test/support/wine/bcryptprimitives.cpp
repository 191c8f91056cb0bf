// bcryptprimitives.dll, which Wine before 9 does not have: the only function of it that vitest's bundler
// calls.
#include <windows.h>

#include <ntsecapi.h>

extern "C" __declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE* data, SIZE_T size) {
  return RtlGenRandom(data, static_cast<ULONG>(size));
}

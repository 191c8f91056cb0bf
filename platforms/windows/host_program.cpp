// Node's functions come from whatever program runs us: node.exe under any name, or another host (Electron, a
// single executable application). The linker's delayed import asks here before it looks for a "node.exe".
#include <windows.h>

#include <delayimp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

FARPROC WINAPI use_host_program(unsigned event, DelayLoadInfo* info) {
  if (event != dliNotePreLoadLibrary || _stricmp(info->szDll, "node.exe") != 0) return nullptr;
  return reinterpret_cast<FARPROC>(GetModuleHandleW(nullptr));
}

}  // namespace

// Constant where the compiler's own declaration says so.
decltype(__pfnDliNotifyHook2) __pfnDliNotifyHook2 = use_host_program;

#ifdef __MINGW32__
// binutils' thunk keeps no floating-point argument while it looks a function up at its first call (that of
// napi_create_double, say). So all of them are looked up before there is any call: as the addon is loaded.
// NOLINTBEGIN(bugprone-reserved-identifier): they have their names from the linker's tools
extern "C" const ImgDelayDescr __DELAY_IMPORT_DESCRIPTOR_node_lib;  // dlltool's, named after node.lib
extern "C" const IMAGE_DOS_HEADER __ImageBase;
// NOLINTEND(bugprone-reserved-identifier)

namespace {

template <typename T>
T* at(std::size_t address) {
  // The tables hold offsets from the image's start.
  return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(&__ImageBase) + address);
}

bool look_up_everything() {
  auto* const program = GetModuleHandleW(nullptr);
  const auto& table = __DELAY_IMPORT_DESCRIPTOR_node_lib;
  const auto* names = at<IMAGE_THUNK_DATA>(table.rvaINT);
  auto* functions = at<FARPROC>(table.rvaIAT);
  for (; names->u1.AddressOfData != 0; names++, functions++) {
    const char* name = at<IMAGE_IMPORT_BY_NAME>(names->u1.AddressOfData)->Name;
    // One that an old host lacks fails when it is called, as with every delayed import.
    if (auto* const function = GetProcAddress(program, name)) *functions = function;
  }
  return true;
}

[[maybe_unused]] const bool looked_up = look_up_everything();

}  // namespace
#endif

# What the Windows room adds to the addon: I/O completion ports below the shared streams.
include(${CMAKE_CURRENT_LIST_DIR}/node_import.cmake)

file(GLOB PORTSIDE_ROOM_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cpp)
set(PORTSIDE_ROOM_LIBRARIES ${NODE_IMPORT_LIBRARIES} ws2_32 iphlpapi)
set(PORTSIDE_ROOM_LINK_OPTIONS ${NODE_IMPORT_OPTIONS})
set(PORTSIDE_ROOM_DEFINITIONS
  _WIN32_WINNT=0x0A00  # Windows 10, the oldest that Node runs on
  WIN32_LEAN_AND_MEAN
  NOMINMAX)

# The same for MSVC, whoever drives CMake.
set(CMAKE_MSVC_RUNTIME_LIBRARY "MultiThreaded$<$<CONFIG:Debug>:Debug>")
if(MINGW)
  # Without this the addon would need mingw's DLLs beside it.
  list(APPEND PORTSIDE_ROOM_LINK_OPTIONS -static)
endif()

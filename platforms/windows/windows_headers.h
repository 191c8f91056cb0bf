// Windows' own headers, in the order they want.
#pragma once

#include <winsock2.h>
#include <ws2tcpip.h>

#include <mstcpip.h>
#include <mswsock.h>
#include <windows.h>

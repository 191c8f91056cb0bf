// Numbers of ntstatus.h in place of the few that windows.h brings itself.
#define WIN32_NO_STATUS
#include <winsock2.h>
#undef WIN32_NO_STATUS
#include <winternl.h>

#include <ntstatus.h>

#include "windows_errors.h"

#include <algorithm>
#include <array>
#include <functional>

namespace portside {
namespace {

struct Row {
  std::uint32_t native;
  ErrorCode code;
};

constexpr Row row(long native, ErrorCode code) {
  return {static_cast<std::uint32_t>(native), code};
}

// ERROR_NO_SUCH_DEVICE and ERROR_HANDLES_CLOSED, which mingw's headers lack. The second is what closesocket()
// makes of a pending receive under Wine.
constexpr long no_such_device = 433;
constexpr long handles_closed = 676;

// Where one code has several meanings, or Windows' own translation into Winsock's codes has lost one, the
// name stands here that the same happening has on POSIX systems: no port left is EADDRNOTAVAIL, and an
// unreachable UDP port refuses.
constexpr std::array rows = {
    row(ERROR_INVALID_FUNCTION, ErrorCode::NOSYS),
    row(ERROR_FILE_NOT_FOUND, ErrorCode::NOENT),
    row(ERROR_PATH_NOT_FOUND, ErrorCode::NOENT),
    row(ERROR_TOO_MANY_OPEN_FILES, ErrorCode::MFILE),
    row(ERROR_ACCESS_DENIED, ErrorCode::ACCES),
    row(ERROR_INVALID_HANDLE, ErrorCode::BADF),
    row(ERROR_NOT_ENOUGH_MEMORY, ErrorCode::NOMEM),
    row(ERROR_OUTOFMEMORY, ErrorCode::NOMEM),
    row(ERROR_GEN_FAILURE, ErrorCode::IO),
    row(ERROR_SHARING_VIOLATION, ErrorCode::ADDRINUSE),
    row(ERROR_HANDLE_EOF, ErrorCode::IO),
    row(ERROR_NOT_SUPPORTED, ErrorCode::NOTSUP),
    row(ERROR_REM_NOT_LIST, ErrorCode::CONNREFUSED),
    row(ERROR_DUP_NAME, ErrorCode::ADDRINUSE),
    row(ERROR_BAD_NETPATH, ErrorCode::NETUNREACH),
    row(ERROR_NETWORK_BUSY, ErrorCode::NETDOWN),
    row(ERROR_DEV_NOT_EXIST, ErrorCode::NODEV),
    row(ERROR_BAD_NET_RESP, ErrorCode::NETDOWN),
    row(ERROR_UNEXP_NET_ERR, ErrorCode::NETDOWN),
    row(ERROR_NETNAME_DELETED, ErrorCode::CONNRESET),
    row(ERROR_NETWORK_ACCESS_DENIED, ErrorCode::ACCES),
    row(ERROR_TOO_MANY_NAMES, ErrorCode::ADDRNOTAVAIL),
    row(ERROR_REQ_NOT_ACCEP, ErrorCode::AGAIN),
    row(ERROR_FILE_EXISTS, ErrorCode::EXIST),
    row(ERROR_INVALID_PARAMETER, ErrorCode::INVAL),
    row(ERROR_BROKEN_PIPE, ErrorCode::PIPE),
    row(ERROR_DISK_FULL, ErrorCode::NOSPC),
    row(ERROR_CALL_NOT_IMPLEMENTED, ErrorCode::NOSYS),
    row(ERROR_SEM_TIMEOUT, ErrorCode::TIMEDOUT),
    row(ERROR_INSUFFICIENT_BUFFER, ErrorCode::FAULT),
    row(ERROR_MAX_THRDS_REACHED, ErrorCode::AGAIN),
    row(ERROR_ALREADY_EXISTS, ErrorCode::EXIST),
    row(ERROR_BAD_PIPE, ErrorCode::PIPE),
    row(ERROR_PIPE_BUSY, ErrorCode::AGAIN),
    row(ERROR_NO_DATA, ErrorCode::PIPE),
    row(ERROR_PIPE_NOT_CONNECTED, ErrorCode::PIPE),
    row(ERROR_MORE_DATA, ErrorCode::MSGSIZE),
    row(WAIT_TIMEOUT, ErrorCode::TIMEDOUT),
    row(STATUS_PENDING, ErrorCode::INPROGRESS),
    row(no_such_device, ErrorCode::NODEV),
    row(ERROR_INVALID_ADDRESS, ErrorCode::FAULT),
    row(ERROR_PIPE_CONNECTED, ErrorCode::ISCONN),
    row(handles_closed, ErrorCode::CANCELED),
    row(ERROR_OPERATION_ABORTED, ErrorCode::CANCELED),
    row(ERROR_IO_INCOMPLETE, ErrorCode::INPROGRESS),
    row(ERROR_IO_PENDING, ErrorCode::INPROGRESS),
    row(ERROR_NOACCESS, ErrorCode::FAULT),
    row(ERROR_INVALID_FLAGS, ErrorCode::INVAL),
    row(ERROR_IO_DEVICE, ErrorCode::IO),
    row(ERROR_DEVICE_NOT_CONNECTED, ErrorCode::NODEV),
    row(ERROR_NOT_FOUND, ErrorCode::NOENT),
    row(ERROR_INVALID_NETNAME, ErrorCode::ADDRNOTAVAIL),
    row(ERROR_CANCELLED, ErrorCode::CANCELED),
    row(ERROR_CONNECTION_REFUSED, ErrorCode::CONNREFUSED),
    row(ERROR_GRACEFUL_DISCONNECT, ErrorCode::CONNRESET),
    row(ERROR_ADDRESS_ALREADY_ASSOCIATED, ErrorCode::ADDRINUSE),
    row(ERROR_ADDRESS_NOT_ASSOCIATED, ErrorCode::ADDRNOTAVAIL),
    row(ERROR_CONNECTION_INVALID, ErrorCode::NOTCONN),
    row(ERROR_CONNECTION_ACTIVE, ErrorCode::ISCONN),
    row(ERROR_NETWORK_UNREACHABLE, ErrorCode::NETUNREACH),
    row(ERROR_HOST_UNREACHABLE, ErrorCode::HOSTUNREACH),
    row(ERROR_PROTOCOL_UNREACHABLE, ErrorCode::NETUNREACH),
    row(ERROR_PORT_UNREACHABLE, ErrorCode::CONNREFUSED),
    row(ERROR_REQUEST_ABORTED, ErrorCode::CANCELED),
    row(ERROR_CONNECTION_ABORTED, ErrorCode::CONNABORTED),
    row(ERROR_RETRY, ErrorCode::AGAIN),
    row(ERROR_HOST_DOWN, ErrorCode::HOSTDOWN),
    row(ERROR_PRIVILEGE_NOT_HELD, ErrorCode::PERM),
    row(ERROR_NO_SYSTEM_RESOURCES, ErrorCode::NOBUFS),
    row(ERROR_NONPAGED_SYSTEM_RESOURCES, ErrorCode::NOBUFS),
    row(ERROR_PAGED_SYSTEM_RESOURCES, ErrorCode::NOBUFS),
    row(ERROR_WORKING_SET_QUOTA, ErrorCode::NOMEM),
    row(ERROR_PAGEFILE_QUOTA, ErrorCode::NOMEM),
    row(ERROR_COMMITMENT_LIMIT, ErrorCode::NOMEM),
    row(ERROR_TIMEOUT, ErrorCode::TIMEDOUT),
    row(ERROR_INVALID_USER_BUFFER, ErrorCode::NOBUFS),
    row(ERROR_NOT_ENOUGH_QUOTA, ErrorCode::NOBUFS),
    row(ERROR_NOT_CONNECTED, ErrorCode::NOTCONN),
    row(WSAEINTR, ErrorCode::INTR),
    row(WSAEBADF, ErrorCode::BADF),
    row(WSAEACCES, ErrorCode::ACCES),
    row(WSAEFAULT, ErrorCode::FAULT),
    row(WSAEINVAL, ErrorCode::INVAL),
    row(WSAEMFILE, ErrorCode::MFILE),
    row(WSAEWOULDBLOCK, ErrorCode::AGAIN),
    row(WSAEINPROGRESS, ErrorCode::INPROGRESS),
    row(WSAEALREADY, ErrorCode::ALREADY),
    row(WSAENOTSOCK, ErrorCode::NOTSOCK),
    row(WSAEDESTADDRREQ, ErrorCode::DESTADDRREQ),
    row(WSAEMSGSIZE, ErrorCode::MSGSIZE),
    row(WSAEPROTOTYPE, ErrorCode::PROTOTYPE),
    row(WSAENOPROTOOPT, ErrorCode::NOPROTOOPT),
    row(WSAEPROTONOSUPPORT, ErrorCode::PROTONOSUPPORT),
    row(WSAESOCKTNOSUPPORT, ErrorCode::PROTOTYPE),
    row(WSAEOPNOTSUPP, ErrorCode::OPNOTSUPP),
    row(WSAEPFNOSUPPORT, ErrorCode::AFNOSUPPORT),
    row(WSAEAFNOSUPPORT, ErrorCode::AFNOSUPPORT),
    row(WSAEADDRINUSE, ErrorCode::ADDRINUSE),
    row(WSAEADDRNOTAVAIL, ErrorCode::ADDRNOTAVAIL),
    row(WSAENETDOWN, ErrorCode::NETDOWN),
    row(WSAENETUNREACH, ErrorCode::NETUNREACH),
    row(WSAENETRESET, ErrorCode::NETRESET),
    row(WSAECONNABORTED, ErrorCode::CONNABORTED),
    row(WSAECONNRESET, ErrorCode::CONNRESET),
    row(WSAENOBUFS, ErrorCode::NOBUFS),
    row(WSAEISCONN, ErrorCode::ISCONN),
    row(WSAENOTCONN, ErrorCode::NOTCONN),
    row(WSAESHUTDOWN, ErrorCode::PIPE),
    row(WSAETIMEDOUT, ErrorCode::TIMEDOUT),
    row(WSAECONNREFUSED, ErrorCode::CONNREFUSED),
    row(WSAEHOSTDOWN, ErrorCode::HOSTDOWN),
    row(WSAEHOSTUNREACH, ErrorCode::HOSTUNREACH),
    row(WSAEPROCLIM, ErrorCode::NFILE),
    row(WSASYSNOTREADY, ErrorCode::NETDOWN),
    row(WSAVERNOTSUPPORTED, ErrorCode::NOSYS),
    row(WSAEDISCON, ErrorCode::CONNRESET),
    row(WSAECANCELLED, ErrorCode::CANCELED),
    row(WSASYSCALLFAILURE, ErrorCode::IO),
    row(WSA_E_CANCELLED, ErrorCode::CANCELED),
    row(WSAHOST_NOT_FOUND, ErrorCode::NOENT),
    row(WSATRY_AGAIN, ErrorCode::AGAIN),
    row(WSANO_RECOVERY, ErrorCode::IO),
    row(WSANO_DATA, ErrorCode::NOENT),
    row(STATUS_BUFFER_OVERFLOW, ErrorCode::MSGSIZE),
    row(STATUS_HANDLES_CLOSED, ErrorCode::CANCELED),
    row(STATUS_UNSUCCESSFUL, ErrorCode::IO),
    row(STATUS_NOT_IMPLEMENTED, ErrorCode::NOSYS),
    row(STATUS_ACCESS_VIOLATION, ErrorCode::FAULT),
    row(STATUS_PAGEFILE_QUOTA, ErrorCode::NOMEM),
    row(STATUS_INVALID_HANDLE, ErrorCode::BADF),
    row(STATUS_INVALID_PARAMETER, ErrorCode::INVAL),
    row(STATUS_NO_SUCH_DEVICE, ErrorCode::NODEV),
    row(STATUS_NO_SUCH_FILE, ErrorCode::NOENT),
    row(STATUS_INVALID_DEVICE_REQUEST, ErrorCode::NOSYS),
    row(STATUS_END_OF_FILE, ErrorCode::IO),
    row(STATUS_NO_MEMORY, ErrorCode::NOMEM),
    row(STATUS_CONFLICTING_ADDRESSES, ErrorCode::ADDRNOTAVAIL),
    row(STATUS_ACCESS_DENIED, ErrorCode::ACCES),
    row(STATUS_BUFFER_TOO_SMALL, ErrorCode::FAULT),
    row(STATUS_OBJECT_TYPE_MISMATCH, ErrorCode::NOTSOCK),
    row(STATUS_OBJECT_NAME_NOT_FOUND, ErrorCode::NOENT),
    row(STATUS_OBJECT_PATH_NOT_FOUND, ErrorCode::NOENT),
    row(STATUS_SHARING_VIOLATION, ErrorCode::ADDRINUSE),
    row(STATUS_QUOTA_EXCEEDED, ErrorCode::NOBUFS),
    row(STATUS_INSUFFICIENT_RESOURCES, ErrorCode::NOBUFS),
    row(STATUS_DEVICE_NOT_CONNECTED, ErrorCode::NODEV),
    row(STATUS_WORKING_SET_QUOTA, ErrorCode::NOMEM),
    row(STATUS_PIPE_NOT_AVAILABLE, ErrorCode::AGAIN),
    row(STATUS_PIPE_DISCONNECTED, ErrorCode::PIPE),
    row(STATUS_IO_TIMEOUT, ErrorCode::TIMEDOUT),
    row(STATUS_NOT_SUPPORTED, ErrorCode::NOTSUP),
    row(STATUS_REMOTE_NOT_LISTENING, ErrorCode::CONNREFUSED),
    row(STATUS_BAD_NETWORK_PATH, ErrorCode::NETUNREACH),
    row(STATUS_NETWORK_BUSY, ErrorCode::NETDOWN),
    row(STATUS_INVALID_NETWORK_RESPONSE, ErrorCode::NETDOWN),
    row(STATUS_UNEXPECTED_NETWORK_ERROR, ErrorCode::NETDOWN),
    row(STATUS_REQUEST_NOT_ACCEPTED, ErrorCode::AGAIN),
    row(STATUS_CANCELLED, ErrorCode::CANCELED),
    row(STATUS_COMMITMENT_LIMIT, ErrorCode::NOMEM),
    row(STATUS_LOCAL_DISCONNECT, ErrorCode::CONNABORTED),
    row(STATUS_REMOTE_DISCONNECT, ErrorCode::CONNRESET),
    row(STATUS_REMOTE_RESOURCES, ErrorCode::NOBUFS),
    row(STATUS_LINK_FAILED, ErrorCode::CONNRESET),
    row(STATUS_LINK_TIMEOUT, ErrorCode::TIMEDOUT),
    row(STATUS_INVALID_CONNECTION, ErrorCode::NOTCONN),
    row(STATUS_INVALID_ADDRESS, ErrorCode::ADDRNOTAVAIL),
    row(STATUS_PIPE_BROKEN, ErrorCode::PIPE),
    row(STATUS_INVALID_BUFFER_SIZE, ErrorCode::MSGSIZE),
    row(STATUS_INVALID_ADDRESS_COMPONENT, ErrorCode::ADDRNOTAVAIL),
    row(STATUS_TOO_MANY_ADDRESSES, ErrorCode::ADDRNOTAVAIL),
    row(STATUS_ADDRESS_ALREADY_EXISTS, ErrorCode::ADDRINUSE),
    row(STATUS_ADDRESS_CLOSED, ErrorCode::CONNRESET),
    row(STATUS_CONNECTION_DISCONNECTED, ErrorCode::CONNRESET),
    row(STATUS_CONNECTION_RESET, ErrorCode::CONNRESET),
    row(STATUS_TRANSACTION_ABORTED, ErrorCode::CONNABORTED),
    row(STATUS_CONNECTION_REFUSED, ErrorCode::CONNREFUSED),
    row(STATUS_GRACEFUL_DISCONNECT, ErrorCode::CONNRESET),
    row(STATUS_ADDRESS_ALREADY_ASSOCIATED, ErrorCode::ADDRINUSE),
    row(STATUS_ADDRESS_NOT_ASSOCIATED, ErrorCode::ADDRNOTAVAIL),
    row(STATUS_CONNECTION_INVALID, ErrorCode::NOTCONN),
    row(STATUS_CONNECTION_ACTIVE, ErrorCode::ISCONN),
    row(STATUS_NETWORK_UNREACHABLE, ErrorCode::NETUNREACH),
    row(STATUS_HOST_UNREACHABLE, ErrorCode::HOSTUNREACH),
    row(STATUS_PROTOCOL_UNREACHABLE, ErrorCode::NETUNREACH),
    row(STATUS_PORT_UNREACHABLE, ErrorCode::CONNREFUSED),
    row(STATUS_REQUEST_ABORTED, ErrorCode::CANCELED),
    row(STATUS_CONNECTION_ABORTED, ErrorCode::CONNABORTED),
    row(STATUS_HOST_DOWN, ErrorCode::HOSTDOWN),
    row(STATUS_HOPLIMIT_EXCEEDED, ErrorCode::HOSTUNREACH),
};

static_assert(std::ranges::adjacent_find(rows, std::ranges::greater_equal(), &Row::native) == rows.end(),
              "the table has to be sorted by number, each once: it is searched by halving");

}  // namespace

Error error_of(std::int32_t native) {
  const auto number = static_cast<std::uint32_t>(native);
  const auto found = std::ranges::lower_bound(rows, number, {}, &Row::native);
  const bool known = found != rows.end() && found->native == number;
  return {known ? found->code : ErrorCode::UNKNOWN, native};
}

Error last_error() {
  return error_of(::WSAGetLastError());
}

}  // namespace portside

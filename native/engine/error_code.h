// The error codes of the contract: POSIX names, the same on every OS. What a kernel calls them is the rooms'
// business.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace portside {

// One list, three uses: the enumeration, the names for JavaScript, the rooms' tables of native codes.
#define PORTSIDE_ERROR_CODES(X) \
  X(ACCES)                      \
  X(ADDRINUSE)                  \
  X(ADDRNOTAVAIL)               \
  X(AFNOSUPPORT)                \
  X(AGAIN)                      \
  X(ALREADY)                    \
  X(BADF)                       \
  X(CANCELED)                   \
  X(CONNABORTED)                \
  X(CONNREFUSED)                \
  X(CONNRESET)                  \
  X(DESTADDRREQ)                \
  X(EXIST)                      \
  X(FAULT)                      \
  X(HOSTDOWN)                   \
  X(HOSTUNREACH)                \
  X(INPROGRESS)                 \
  X(INTR)                       \
  X(INVAL)                      \
  X(IO)                         \
  X(ISCONN)                     \
  X(MFILE)                      \
  X(MSGSIZE)                    \
  X(NETDOWN)                    \
  X(NETRESET)                   \
  X(NETUNREACH)                 \
  X(NFILE)                      \
  X(NOBUFS)                     \
  X(NODEV)                      \
  X(NOENT)                      \
  X(NOMEM)                      \
  X(NOPROTOOPT)                 \
  X(NOSPC)                      \
  X(NOSYS)                      \
  X(NOTCONN)                    \
  X(NOTSOCK)                    \
  X(NOTSUP)                     \
  X(OPNOTSUPP)                  \
  X(PERM)                       \
  X(PIPE)                       \
  X(PROTO)                      \
  X(PROTONOSUPPORT)             \
  X(PROTOTYPE)                  \
  X(TIMEDOUT)

enum class ErrorCode : std::int32_t {
  ok,
#define PORTSIDE_ENUMERATE(name) name,
  PORTSIDE_ERROR_CODES(PORTSIDE_ENUMERATE)
#undef PORTSIDE_ENUMERATE
      UNKNOWN
};

// In the order of the enumeration: JavaScript looks a completion's code up by its number.
inline constexpr std::array error_names = {
    std::string_view("ok"),
#define PORTSIDE_NAME(name) std::string_view("E" #name),
    PORTSIDE_ERROR_CODES(PORTSIDE_NAME)
#undef PORTSIDE_NAME
        std::string_view("UNKNOWN"),
};

struct Error {
  ErrorCode code = ErrorCode::ok;
  std::int32_t native = 0;  // what the OS said, untranslated; 0 where the error is the engine's own

  explicit operator bool() const { return code != ErrorCode::ok; }
};

inline constexpr Error canceled{ErrorCode::CANCELED, 0};
inline constexpr Error stale_handle{ErrorCode::BADF, 0};
inline constexpr Error nobody_listens{ErrorCode::CONNREFUSED, 0};

// True for what a listener outlives by waiting: the process or the machine is short of something.
constexpr bool is_shortage(ErrorCode code) {
  return code == ErrorCode::MFILE || code == ErrorCode::NFILE || code == ErrorCode::NOBUFS ||
         code == ErrorCode::NOMEM;
}

}  // namespace portside

// What the kernel works on: a request is the kernel's from the call to its packet, and lives at least as
// long.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../../native/streams/stream_handle.h"
#include "backlog_watch.h"
#include "windows_headers.h"

namespace portside {

enum class RequestKind : std::uint8_t { accept, more_accepts, connect, data, send, disconnect, house };

struct Request : OVERLAPPED {
  explicit Request(RequestKind what, HandleExtension* whose) : OVERLAPPED{}, kind(what), extension(whose) {}

  RequestKind kind;
  HandleExtension* extension;
};

// How a request ended.
struct Ended {
  Error error;
  std::uint32_t bytes = 0;
};

// A request that was done, or refused, within the call: its end is told in the next turn, as all others'.
struct EndedRequest {
  Request* request;
  Ended ended;
};

// Bytes that came with the connection itself.
struct FirstBytes {
  std::vector<std::uint8_t> bytes;
  std::size_t at = 0;
};

// What of a socket the kernel refers to. It outlives the handle until every request has come back.
struct HandleExtension : Link<HandleExtension> {
  explicit HandleExtension(int of) : descriptor(of), waiting(RequestKind::data, this) {}
  virtual ~HandleExtension() = default;
  HandleExtension(const HandleExtension&) = delete;
  HandleExtension& operator=(const HandleExtension&) = delete;

  int descriptor;                  // -1 once it is closed
  std::uint32_t outstanding = 0;   // requests the kernel has
  std::uint16_t sends = 0;         // sends among them
  std::uint32_t last_posted = 0;   // the number of the last of these
  bool skips = false;              // what is done at once brings no packet
  bool awaiting = false;           // `waiting` is the kernel's
  bool short_of_memory = false;    // a request was refused for want of it: fewer, smaller ones for a while
  bool unbuffered = false;         // the OS sends from our memory
  bool torn = false;               // bytes that were posted are lost, and later ones perhaps not
  bool lingers = false;            // closed, but for sends that the OS was given before
  bool keeps_alive = false;        // ... and the process stays for them
  bool in_use = false;             // by the end of one of its requests
  StreamHandle* handle = nullptr;  // none once that is closed
  HandleId listener;               // which may use the socket again
  std::uint64_t deadline = 0;      // of lingering: milliseconds of the engine's clock
  Error failure;                   // how the connect, or the wait for data, ended
  std::unique_ptr<FirstBytes> first;
  struct SendRequest* postponed = nullptr;  // refused for want of memory: nothing may overtake it
  Request waiting;                          // the connect, then the wait for data, at last the disconnect
};

struct SendRequest : Request {
  SendRequest(HandleExtension* whose, Operation* of, std::uint8_t* from, std::uint32_t length)
      : Request(RequestKind::send, whose), operation(of), bytes(from), size(length) {}

  Operation* operation;  // which lives as long, and has the bytes
  std::uint8_t* bytes;
  std::uint32_t size;
  std::uint32_t number = 0;  // in the order of posting
};

struct AcceptRequest : Request, Link<AcceptRequest> {
  AcceptRequest(HandleExtension* whose, int socket, std::uint32_t data)
      : Request(RequestKind::accept, whose),
        accepted(socket),
        data_size(data),
        buffer(data + 2 * address_size) {}

  // AcceptEx wants 16 bytes more than the longest address (AcceptEx, "dwLocalAddressLength").
  static constexpr std::uint32_t address_size = sizeof(sockaddr_storage) + 16;

  int accepted;  // -1 once it is closed
  std::uint32_t data_size;
  std::uint32_t data = 0;       // bytes that came
  std::uint64_t posted_at = 0;  // milliseconds of the engine's clock
  std::vector<std::uint8_t> buffer;
};

// A listener's accepts: those that wait in the kernel, and those that came before anybody asked.
struct AcceptPool : HandleExtension {
  explicit AcceptPool(int of) : HandleExtension(of), more(RequestKind::more_accepts, this) {}

  List<AcceptRequest> posted;
  List<AcceptRequest> accepted;
  std::uint32_t posted_count = 0;
  std::uint32_t accepted_count = 0;
  std::uint32_t target = 0;  // how many there should be, between the two watermarks
  int family = 0;
  const struct ExtensionFunctions* functions = nullptr;
  std::vector<int> spare;      // sockets that can be used again
  bool accepted_skip = false;  // HandleExtension::skips of the sockets made ahead
  unsigned failures = 0;       // in a row
  std::uint64_t calm_at = 0;   // when the target shrinks: milliseconds of the engine's clock
  Request more;                // what `watch` posts
  BacklogWatch watch;
};

}  // namespace portside

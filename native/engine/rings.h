// What JavaScript and the engine both see: the two rings and the space for small sends, in one piece of
// memory, and the receive space in another (a program may hold a view of the latter, and must not reach the
// rings through it). Both sides run on one thread and take turns, so a ring is filled from its start and
// emptied whole.
#pragma once

#include <cstdint>
#include <span>

namespace portside {

enum class Opcode : std::int32_t {
  none,
  accept,         // token
  start_accept,   // push style: every connection is announced without being asked for
  receive,        // token, a = most bytes
  start_receive,  // push style, resume
  stop_receive,   // pause
  send,           // token (0: nobody waits), a = offset, b = length, flags
  shutdown,       // token
  close,          // flags
  reset,
  cancel,  // token
  timer,   // token, a = milliseconds
};

enum SubmissionFlag : std::int32_t {
  notify_drained = 1,  // send: say when everything queued before and with it was taken
  flush_first = 2,     // close: let what is queued go out before
  answered = 4,  // send: the call itself tells what is left over; no `blocked`, nor a completion of what is
                 // done, follows
};

struct Submission {
  Opcode opcode;
  std::uint32_t index;
  std::uint32_t generation;
  std::uint32_t token;
  std::int32_t a;
  std::int32_t b;
  std::int32_t flags;
  std::int32_t unused;
};
static_assert(sizeof(Submission) == 32);

enum class CompletionKind : std::int32_t {
  none,
  operation,  // token, result, error, offset (received bytes)
  accepted,   // index = listener, token (0: push style), result = new index, offset = its generation
  data,       // push style: result = bytes, offset
  end,        // push style: the peer's FIN
  failed,     // push style receive (token 0), or a send nobody waits for (token 1)
  blocked,    // bytes of sends nobody waits for are queued, where none were
  drained,    // everything queued was taken
  shortage,   // listener: accepting pauses (error), or goes on (no error)
  closed,     // always the last of its handle
  posted,     // the mailbox has something
};

struct Completion {
  CompletionKind kind;
  std::uint32_t index;
  std::uint32_t token;
  std::int32_t result;
  std::int32_t error;
  std::int32_t native;
  std::uint32_t offset;
  std::uint32_t bytes_sent;
};
static_assert(sizeof(Completion) == 32);

// Operations are named by tokens from 1 to this.
inline constexpr std::uint32_t max_token = 1 << 24;

inline constexpr std::uint32_t submission_capacity = 1024;
inline constexpr std::uint32_t completion_capacity = 1024;
inline constexpr std::uint32_t send_space_size = 256 * 1024;
inline constexpr std::uint32_t receive_limit = 64 * 1024;  // most bytes of one receive
// Holds at least one receive; no more than stays in a processor's cache until it is sent on (512 KiB cost a
// quarter more at 16 KiB a message).
inline constexpr std::uint32_t receive_space_size = 256 * 1024;

struct Control {
  std::int32_t submissions;  // written by JavaScript, set to 0 when taken
  std::int32_t completions;  // written by the engine
  // How often submissions were taken: write() tells this tick's bytes from earlier ones. It wraps.
  std::uint32_t epoch;
  std::int32_t turning;  // within a turn: what JavaScript submits is taken without being asked for
  // `blocked` completions so far: JavaScript knows when one is still on its way. It wraps.
  std::uint32_t blockades;
  std::int32_t left;  // of the last send: bytes the OS did not take
  std::int32_t reserved[10];
};
static_assert(sizeof(Control) == 64);

// Places in the rings' memory, in bytes.
inline constexpr std::uint32_t submissions_at = sizeof(Control);
inline constexpr std::uint32_t completions_at = submissions_at + submission_capacity * sizeof(Submission);
inline constexpr std::uint32_t send_space_at = completions_at + completion_capacity * sizeof(Completion);
inline constexpr std::uint32_t rings_size = send_space_at + send_space_size;

class Rings {
 public:
  Rings() = default;
  Rings(std::uint8_t* rings, std::uint8_t* received) : rings_(rings), received_(received) {}

  Control& control() { return *reinterpret_cast<Control*>(rings_); }
  // A copy: what was checked stays as it was, whatever happens to the memory.
  Submission submission(std::uint32_t i) const {
    return reinterpret_cast<const Submission*>(rings_ + submissions_at)[i];
  }
  Completion& completion(std::uint32_t i) {
    return reinterpret_cast<Completion*>(rings_ + completions_at)[i];
  }
  // Null while there is none.
  std::uint8_t* received() const { return received_; }
  void move_received(std::uint8_t* received) { received_ = received; }

  // The bytes of a send: in the space for sends, or (offsets beyond it) in place, where they were received
  // and lent to the program. None for a place that does not exist: a program may have written anything there,
  // but nothing else.
  std::span<const std::uint8_t> sent_bytes(std::uint32_t offset, std::uint32_t length) {
    if (offset < send_space_size) {
      if (length > send_space_size - offset) return {};
      return {rings_ + send_space_at + offset, length};
    }
    offset -= send_space_size;
    if (!received_ || offset > receive_space_size || length > receive_space_size - offset) return {};
    return {received_ + offset, length};
  }

 private:
  std::uint8_t* rings_ = nullptr;
  std::uint8_t* received_ = nullptr;
};

}  // namespace portside

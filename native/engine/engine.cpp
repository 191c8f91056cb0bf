#include "engine.h"

#include <algorithm>
#include <utility>

namespace portside {
namespace {

constexpr std::uint32_t no_handle = 0xffffffff;

// With fewer events than this a poll has caught up with the kernel; asking again at once would mostly find
// nothing.
constexpr unsigned worth_asking_again = 8;

// One send's result is a number of 31 bits in the rings.
constexpr std::size_t longest_send = 0x7fffffff;

// Beyond these, packets wait for another turn: the host's own timers, files and promises come first.
constexpr std::uint32_t packets_per_turn = 256;

struct TimerOperation : Operation {
  Timer timer;
};

}  // namespace

Engine::Engine(const EngineOptions& options, Rings rings, std::function<bool()> deliver)
    : polls_(options.polls),
      rings_(rings),
      deliver_(std::move(deliver)),
      now_(milliseconds_now()),
      timers_(now_),
      completions_(rings_, options.batch),
      received_(rings_),
      backend_(
          make_backend(options.backend, {completions_, received_, operations_, timers_, counters_, now_})) {
  rings_.control().epoch = rings_.control().blockades = options.counters_start;
}

Engine::~Engine() {
  backend_->abandon();
  // What is left in the wheel is ours: the backend has taken its own timers out.
  List<Timer> left;
  timers_.advance(~std::uint64_t{0} >> 8, left);
  while (Timer* timer = left.take_first())
    delete static_cast<TimerOperation*>(operations_.find(timer->token));
}

Error Engine::open() {
  return backend_->open();
}

bool Engine::begin_operation(std::uint32_t token) {
  if (!operations_.is_usable(token)) return false;
  counters_.submitted++;
  return true;
}

void Engine::take_submissions() {
  auto& control = rings_.control();
  const auto count = std::min(static_cast<std::uint32_t>(control.submissions), submission_capacity);
  // Taken before they are looked at: a submission cannot be taken twice, whatever happens below.
  control.submissions = 0;
  control.epoch++;
  taking_since_ = 0;
  for (std::uint32_t i = 0; i < count; i++)
    take(rings_.submission(i));
}

// A program may have written anything into the ring: what makes no sense is left out.
void Engine::take(Submission submission) {
  switch (submission.opcode) {
    case Opcode::cancel:
      return cancel(submission.token);
    case Opcode::timer:
      if (begin_operation(submission.token)) start_timer(submission);
      return;
    case Opcode::accept:
    case Opcode::receive:
    case Opcode::shutdown:
      if (begin_operation(submission.token)) backend_->submit(submission);
      return;
    case Opcode::start_accept:
    case Opcode::start_receive:
    case Opcode::stop_receive:
    case Opcode::close:
    case Opcode::reset:
      submission.token = 0;
      return backend_->submit(submission);
    case Opcode::send: {
      const Bytes bytes = rings_.sent_bytes(static_cast<std::uint32_t>(submission.a),
                                            static_cast<std::uint32_t>(submission.b));
      rings_.control().left = static_cast<std::int32_t>(send(
          {submission.index, submission.generation}, submission.token, {&bytes, 1}, submission.flags));
      return;
    }
    case Opcode::none:
      return;
  }
}

std::size_t Engine::send(HandleId id, std::uint32_t token, std::span<const Bytes> parts, std::int32_t flags) {
  if (size_of(parts) > longest_send) return 0;
  if (token != 0 && !begin_operation(token)) return 0;
  return backend_->send(id, token, parts, flags);
}

Opened Engine::connect(const ConnectParameters& parameters) {
  if (!operations_.is_usable(parameters.token)) return {{}, {ErrorCode::INVAL, 0}, "connect"};
  return backend_->connect(parameters);
}

void Engine::start_timer(const Submission& submission) {
  auto* operation = new TimerOperation;
  operation->token = operation->timer.token = submission.token;
  operation->opcode = Opcode::timer;
  operation->index = no_handle;
  operations_.put(*operation);
  // The turn's own clock may be behind by the time JavaScript took; a timer must not be early. Those that
  // were submitted together begin together: the shorter ends first.
  if (taking_since_ == 0) taking_since_ = milliseconds_now();
  timers_.start(operation->timer, taking_since_ + static_cast<std::uint32_t>(submission.a) + 1);
  counters_.referenced++;
}

void Engine::cancel(std::uint32_t token) {
  Operation* operation = operations_.find(token);
  if (!operation) return;  // its completion is on the way: then its result stands
  if (operation->opcode != Opcode::timer) return backend_->cancel(*operation);
  Timer& timer = static_cast<TimerOperation*>(operation)->timer;
  timers_.stop(timer);
  finish_timer(timer, canceled);
}

void Engine::finish_timer(Timer& timer, Error error) {
  auto* operation = static_cast<TimerOperation*>(operations_.find(timer.token));
  PORTSIDE_CHECK(operation != nullptr);
  operations_.remove(*operation);
  counters_.completed++;
  counters_.referenced--;
  completions_.push({.kind = CompletionKind::operation,
                     .index = no_handle,
                     .token = operation->token,
                     .result = 0,
                     .error = static_cast<std::int32_t>(error.code),
                     .native = error.native,
                     .offset = 0,
                     .bytes_sent = 0});
  delete operation;
}

void Engine::expire_timers() {
  now_ = milliseconds_now();
  List<Timer> expired;
  timers_.advance(now_, expired);
  while (Timer* timer = expired.take_first()) {
    if (timer->token == 0) {
      backend_->expired(*timer);
    } else {
      finish_timer(*timer, {});
    }
  }
}

void Engine::announce_packets() {
  if (announced_ || packets_left_ == 0 || !mailbox_.has_packets()) return;
  announced_ = true;
  Completion completion{};
  completion.kind = CompletionKind::posted;
  completion.index = no_handle;
  completions_.push(completion);
}

std::vector<Packet> Engine::take_packets(std::size_t most) {
  announced_ = false;
  auto packets = mailbox_.take(std::min<std::size_t>(most, packets_left_));
  packets_left_ -= static_cast<std::uint32_t>(packets.size());
  return packets;
}

bool Engine::deliver() {
  counters_.batches++;
  completions_.publish();
  const bool alive = deliver_();
  completions_.reopen();
  if (!alive) {
    stopped_ = true;
    return false;
  }
  backend_->delivered();
  // Borrowed bytes that were written go out before their place is used again.
  take_submissions();
  received_.release_all();
  return true;
}

void Engine::turn() {
  if (inside_ || stopped_) return;
  inside_ = true;
  packets_left_ = packets_per_turn;
  rings_.control().turning = 1;
  take_submissions();
  const auto passed = [this](const Completion& completion) {
    if (completion.index != no_handle) backend_->passed(completion);
  };
  for (std::uint32_t pass = 0; pass < polls_; pass++) {
    expire_timers();
    const unsigned brought = backend_->gather();
    completions_.begin_kernels_part(backend_->has_ready(), passed);
    backend_->serve(brought);
    announce_packets();
    completions_.end_kernels_part(passed);
    if (completions_.count() == 0) break;
    if (!deliver()) break;
    if (brought < worth_asking_again && !backend_->has_ready() && completions_.empty()) break;
  }
  rings_.control().turning = 0;
  packets_left_ = packets_per_turn;
  inside_ = false;
}

Rest Engine::rest() {
  Rest rest;
  if (stopped_) return rest;
  rest.more = !completions_.empty() || backend_->has_ready() || (!announced_ && mailbox_.has_packets());
  rest.referenced = counters_.referenced > 0 || !completions_.empty();
  rest.deadline = timers_.next();
  return rest;
}

}  // namespace portside

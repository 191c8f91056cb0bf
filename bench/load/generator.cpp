#include "generator.h"

#include <algorithm>

#include "clock.h"

namespace {
constexpr std::uint32_t openAtOnce = 256;
/// A server that is silent for so long is taken for dead, and every message in flight for lost.
constexpr int silenceMilliseconds = 5000;
}  // namespace

Generator::Generator(const Options& options)
    : options_(options), messages_(options.bytes), connections_(options.connections) {}

std::uint32_t Generator::openAll() {
  Report report;
  std::uint32_t opened = 0;
  while (opened < connections_.size() || inFlight_ > 0) {
    while (opened < connections_.size() && inFlight_ < openAtOnce) {
      Connection& connection = connections_[opened];
      connection.open(queue_, options_.port, opened, messages_);
      if (connection.state() == Connection::State::waiting) inFlight_++;
      opened++;
    }
    if (inFlight_ == 0) continue;
    const auto tokens = queue_.wait(silenceMilliseconds);
    if (tokens.empty()) break;
    for (const std::uint32_t token : tokens) {
      const bool waited = connections_[token].state() == Connection::State::waiting;
      const bool arrived = connections_[token].advance();
      if (waited) settle(token, arrived, report);
    }
  }
  inFlight_ = 0;
  for (Connection& connection : connections_) {
    if (connection.state() == Connection::State::idle) continue;
    connection.close(true);
    failures_++;
  }
  return static_cast<std::uint32_t>(report.operations);
}

void Generator::launch(std::uint32_t token) {
  Connection& connection = connections_[token];
  if (options_.mode == Mode::connect) {
    connection.close(options_.reset);
    connection.open(queue_, options_.port, token, messages_);
  } else if (connection.state() == Connection::State::idle) {
    connection.begin(messages_);
  }
  if (connection.state() == Connection::State::waiting) inFlight_++;
  if (connection.state() == Connection::State::failed) failures_++;  // at once: the slot stays empty
}

void Generator::settle(std::uint32_t token, bool arrived, Report& report) {
  const Connection& connection = connections_[token];
  if (connection.state() == Connection::State::waiting) return;
  inFlight_--;
  if (!arrived) return;
  report.operations++;
  report.latency.record(nanoseconds() - connection.startedAt());
}

Report Generator::run(double seconds) {
  Report report;
  const std::uint64_t start = nanoseconds();
  const std::uint64_t deadline = start + static_cast<std::uint64_t>(seconds * 1e9);
  const std::uint64_t blockedBefore = queue_.blockedNanoseconds();
  for (std::uint32_t token = 0; token < connections_.size(); token++)
    launch(token);
  bool silent = false;
  while (inFlight_ > 0 && !silent) {
    const auto tokens = queue_.wait(silenceMilliseconds);
    silent = tokens.empty();
    const bool over = nanoseconds() >= deadline;
    for (const std::uint32_t token : tokens) {
      Connection& connection = connections_[token];
      const bool waited = connection.state() == Connection::State::waiting;
      const bool arrived = connection.advance();
      if (waited) settle(token, arrived, report);
      const bool failed = connection.state() == Connection::State::failed;
      if (failed) failures_++;
      if (failed) connection.close(true);
      if (waited && connection.state() != Connection::State::waiting && !over) launch(token);
    }
  }
  failures_ += inFlight_;
  inFlight_ = 0;
  const auto elapsed = static_cast<double>(nanoseconds() - start);
  const auto blocked = static_cast<double>(queue_.blockedNanoseconds() - blockedBefore);
  // Connections of connect mode end here, so that the server's work for them is part of the run.
  if (options_.mode == Mode::connect) {
    for (Connection& connection : connections_)
      connection.close(options_.reset);
  }
  report.failures = failures_;
  report.bytesVerified = report.operations * options_.bytes;
  report.seconds = elapsed / 1e9;
  report.saturation = std::max(0.0, 1 - blocked / elapsed);
  return report;
}

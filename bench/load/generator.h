#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connection.h"
#include "histogram.h"

enum class Mode { echo, connect, hold };

struct Options {
  std::uint16_t port = 0;
  std::uint32_t connections = 64;
  std::size_t bytes = 64;
  double seconds = 2;
  double warmup = 0.5;
  Mode mode = Mode::echo;
  bool reset = false;  // connect mode: end each connection with RST instead of FIN
};

struct Report {
  std::uint64_t operations = 0;
  std::uint64_t failures = 0;
  std::uint64_t bytesVerified = 0;
  double seconds = 0;
  double saturation = 0;  // share of the time in which the generator was not asleep
  Histogram latency;      // nanoseconds
};

/// Keeps every connection busy with one message at a time.
class Generator {
 public:
  explicit Generator(const Options& options);

  /// Opens all connections (a few hundred at a time), one message on each. Returns how many succeeded.
  std::uint32_t openAll();

  /// Runs for so long, then lets what is in flight finish: afterwards the server has nothing left to do.
  Report run(double seconds);

 private:
  void launch(std::uint32_t token);
  void settle(std::uint32_t token, bool arrived, Report& report);

  Options options_;
  Messages messages_;
  os::Queue queue_;
  std::vector<Connection> connections_;
  std::uint32_t inFlight_ = 0;
  std::uint64_t failures_ = 0;
};

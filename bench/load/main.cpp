// The load generator: a closed loop over many connections, every echoed byte compared.
//
//   load --port N [--mode echo|connect|hold] [--connections N] [--bytes N] [--seconds S] [--warmup S]
//        [--close fin|reset]
//
// echo:    N connections, one message in flight on each
// connect: N at a time connect, echo one message and close
//   Both warm up, print "ready", wait for the line "go", run, and print one line of JSON.
// hold:    N connections echo one message each; prints "held N" and keeps them until "quit"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "generator.h"
#include "os.h"

namespace {

double number(std::string_view name, const std::string& text, double least, double most) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(value >= least && value <= most)) {
    throw std::invalid_argument(std::string(name) + ": not a number in range: " + text);
  }
  return value;
}

Mode modeOf(const std::string& text) {
  if (text == "echo") return Mode::echo;
  if (text == "connect") return Mode::connect;
  if (text == "hold") return Mode::hold;
  throw std::invalid_argument("--mode is echo, connect or hold, not " + text);
}

bool isReset(const std::string& text) {
  if (text == "reset") return true;
  if (text == "fin") return false;
  throw std::invalid_argument("--close is reset or fin, not " + text);
}

Options parse(int count, char** arguments) {
  Options options;
  for (int index = 1; index < count; index += 2) {
    const std::string_view name = arguments[index];
    if (index + 1 == count) throw std::invalid_argument("no value after " + std::string(name));
    const std::string value = arguments[index + 1];
    if (name == "--port") {
      options.port = static_cast<std::uint16_t>(number(name, value, 1, 65535));
    } else if (name == "--connections") {
      options.connections = static_cast<std::uint32_t>(number(name, value, 1, 1e6));
    } else if (name == "--bytes") {
      options.bytes = static_cast<std::size_t>(number(name, value, 1, 1 << 26));
    } else if (name == "--seconds") {
      options.seconds = number(name, value, 0.01, 86400);
    } else if (name == "--warmup") {
      options.warmup = number(name, value, 0, 86400);
    } else if (name == "--mode") {
      options.mode = modeOf(value);
    } else if (name == "--close") {
      options.reset = isReset(value);
    } else {
      throw std::invalid_argument("unknown option " + std::string(name));
    }
  }
  if (options.port == 0) throw std::invalid_argument("--port is missing");
  return options;
}

void waitFor(std::string_view command) {
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line == command) return;
  }
  std::exit(0);  // whoever started us is gone
}

void print(const Report& report) {
  const auto microseconds = [&](double share) {
    return static_cast<double>(report.latency.percentile(share)) / 1000;
  };
  std::printf(
      "{\"operations\":%llu,\"failures\":%llu,\"bytesVerified\":%llu,\"seconds\":%.6f,\"saturation\":%.4f,"
      "\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f}\n",
      static_cast<unsigned long long>(report.operations), static_cast<unsigned long long>(report.failures),
      static_cast<unsigned long long>(report.bytesVerified), report.seconds, report.saturation,
      microseconds(0.5), microseconds(0.99), microseconds(0.999));
}

void hold(Generator& generator) {
  std::printf("held %u\n", generator.openAll());
  std::fflush(stdout);
  waitFor("quit");
}

void measure(Generator& generator, const Options& options) {
  if (options.mode == Mode::echo) generator.openAll();
  if (options.warmup > 0) generator.run(options.warmup);
  std::printf("ready\n");
  std::fflush(stdout);
  waitFor("go");
  print(generator.run(options.seconds));
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const Options options = parse(count, arguments);
    os::raiseDescriptorLimit();
    Generator generator(options);
    if (options.mode == Mode::hold) {
      hold(generator);
    } else {
      measure(generator, options);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "load: %s\n", error.what());
    return 2;
  }
}

// A test is a name and a function; a program runs all of its tests and prints one line for each.
#pragma once

#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

struct Test {
  const char* name;
  std::function<void()> run;
};

inline void expect_true(bool holds, const char* what, int line) {
  if (!holds) throw std::runtime_error(std::string("line ") + std::to_string(line) + ": expected " + what);
}

template <typename A, typename B>
void expect_equal(const A& actual, const B& expected, const char* what, int line) {
  if (static_cast<long long>(actual) == static_cast<long long>(expected)) return;
  throw std::runtime_error(std::string("line ") + std::to_string(line) + ": " + what + " is " +
                           std::to_string(static_cast<long long>(actual)) + ", expected " +
                           std::to_string(static_cast<long long>(expected)));
}

#define EXPECT(holds) expect_true((holds), #holds, __LINE__)
#define EXPECT_EQUAL(actual, expected) expect_equal((actual), (expected), #actual, __LINE__)

inline int run_tests(const std::vector<Test>& tests) {
  int failed = 0;
  for (const auto& test : tests) {
    try {
      test.run();
      std::printf("ok      %s\n", test.name);
    } catch (const std::exception& error) {
      failed++;
      std::printf("FAILED  %s: %s\n", test.name, error.what());
    }
  }
  std::printf("%d passed, %d failed\n", static_cast<int>(tests.size()) - failed, failed);
  return failed == 0 ? 0 : 1;
}

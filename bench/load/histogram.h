#pragma once

#include <array>
#include <bit>
#include <cstdint>

/// Counts of durations in buckets that are at most 1.6 % wide.
class Histogram {
 public:
  void record(std::uint64_t value) {
    counts_[bucketOf(value)]++;
    total_++;
  }

  /// Upper edge of the bucket that holds the given share (0..1) of all values.
  std::uint64_t percentile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::uint32_t bucket = 0; bucket < counts_.size(); bucket++) {
      seen += counts_[bucket];
      if (seen > wanted || (seen == total_ && seen > 0)) return edgeOf(bucket);
    }
    return 0;
  }

 private:
  static constexpr std::uint32_t steps = 64;  // buckets per power of two
  static constexpr std::uint32_t stepBits = 6;

  static std::uint32_t bucketOf(std::uint64_t value) {
    if (value < steps) return static_cast<std::uint32_t>(value);
    const std::uint32_t shift = static_cast<std::uint32_t>(std::bit_width(value)) - 1 - stepBits;
    return (shift + 1) * steps + (static_cast<std::uint32_t>(value >> shift) & (steps - 1));
  }

  static std::uint64_t edgeOf(std::uint32_t bucket) {
    if (bucket < steps) return bucket;
    const std::uint32_t shift = bucket / steps - 1;
    return ((std::uint64_t{steps} + bucket % steps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - stepBits + 1) * steps> counts_{};
  std::uint64_t total_ = 0;
};

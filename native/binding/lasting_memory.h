// Memory that the engine and JavaScript both use. It is the addon's own, and lives until the engine and every
// ArrayBuffer over it are gone: whatever a program detaches, transfers or keeps, nobody reads or writes
// memory that was given back.
#pragma once

#include <node_api.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace portside {

// Whether JavaScript's values can be looked at while the environment ends. Deno has no scope for them then.
bool has_values_at_end(napi_env env);

class MemoryBlock {
 public:
  // Zeroed; pages that nobody touches cost nothing. Null when there is no memory.
  static MemoryBlock* allocate(std::size_t size);
  MemoryBlock(const MemoryBlock&) = delete;
  MemoryBlock& operator=(const MemoryBlock&) = delete;

  std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  void retain() { users_++; }
  void release();

 private:
  MemoryBlock(std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  ~MemoryBlock() = default;

  std::uint8_t* data_;
  std::size_t size_;
  std::atomic<std::uint32_t> users_ = 1;
};

// The engine's share in a block, and the ArrayBuffer by which JavaScript sees it.
class LastingMemory {
 public:
  LastingMemory() = default;
  LastingMemory(const LastingMemory&) = delete;
  LastingMemory& operator=(const LastingMemory&) = delete;
  ~LastingMemory() { clear(); }

  enum class Failure : std::uint8_t { none, no_memory, refused };

  // Memory of ours. Leaves what it held as it was when it fails.
  Failure renew(napi_env env, std::size_t size);
  // Memory of the host's that no program can detach. False when it is too small, or can be detached.
  bool adopt(napi_env env, napi_value array_buffer, std::size_t size);
  std::uint8_t* data() const { return data_; }
  // Good even after the ArrayBuffer was detached.
  bool is_ours() const { return block_ != nullptr; }
  void swap(LastingMemory& other);
  // Null while JavaScript cannot run any more.
  napi_value array_buffer() const;
  // A program has taken the ArrayBuffer's memory away from it.
  bool is_detached() const;

 private:
  void clear();

  napi_env env_ = nullptr;
  MemoryBlock* block_ = nullptr;
  std::uint8_t* data_ = nullptr;
  napi_ref array_buffer_ = nullptr;
};

}  // namespace portside

#include "lasting_memory.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace portside {

bool has_values_at_end(napi_env env) {
  const napi_node_version* version = nullptr;
  return napi_get_node_version(env, &version) == napi_ok && std::strcmp(version->release, "Deno") != 0;
}

namespace {

// What one ArrayBuffer holds of a block. Deno calls finalize() when nobody anywhere holds the memory any
// more, but on any thread and at any time: there a share has nothing that belongs to an environment.
struct Share {
  napi_env env;
  MemoryBlock* block;
  napi_ref array_buffer = nullptr;  // a weak one
  bool hooked = false;
};

// The environment gives its ArrayBuffers up at its end, even those whose memory was moved to another thread
// since (by transfer() and postMessage()): there it must stay good for ever.
void environment_ends(void* data) {
  auto* share = static_cast<Share*>(data);
  share->hooked = false;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(share->env, &scope) != napi_ok) return share->block->retain();
  napi_value array_buffer = nullptr;
  bool detached = false;
  const bool here = napi_get_reference_value(share->env, share->array_buffer, &array_buffer) == napi_ok &&
                    array_buffer &&
                    napi_is_detached_arraybuffer(share->env, array_buffer, &detached) == napi_ok && !detached;
  if (!here) share->block->retain();
  (void)napi_close_handle_scope(share->env, scope);
}

void let_go(Share* share) {
  if (share->hooked) (void)napi_remove_env_cleanup_hook(share->env, environment_ends, share);
  if (share->array_buffer) (void)napi_delete_reference(share->env, share->array_buffer);
  share->block->release();
  delete share;
}

void finalize(napi_env /*env*/, void* /*data*/, void* hint) {
  let_go(static_cast<Share*>(hint));
}

// Null when the host does not let memory of ours be an ArrayBuffer.
napi_value show(napi_env env, MemoryBlock& block) {
  auto* share = new Share{env, &block};
  block.retain();
  napi_value array_buffer = nullptr;
  if (napi_create_external_arraybuffer(env, block.data(), block.size(), finalize, share, &array_buffer) !=
      napi_ok) {
    let_go(share);
    return nullptr;
  }
  if (!has_values_at_end(env)) return array_buffer;
  share->hooked = napi_create_reference(env, array_buffer, 0, &share->array_buffer) == napi_ok &&
                  napi_add_env_cleanup_hook(env, environment_ends, share) == napi_ok;
  return array_buffer;
}

}  // namespace

MemoryBlock* MemoryBlock::allocate(std::size_t size) {
  auto* data = static_cast<std::uint8_t*>(std::calloc(size, 1));
  if (!data) return nullptr;
  auto* block = new (std::nothrow) MemoryBlock(data, size);
  if (!block) std::free(data);
  return block;
}

void MemoryBlock::release() {
  if (--users_ > 0) return;
  std::free(data_);
  delete this;
}

LastingMemory::Failure LastingMemory::renew(napi_env env, std::size_t size) {
  MemoryBlock* block = MemoryBlock::allocate(size);
  if (!block) return Failure::no_memory;
  napi_value array_buffer = show(env, *block);
  napi_ref reference = nullptr;
  if (!array_buffer || napi_create_reference(env, array_buffer, 1, &reference) != napi_ok) {
    block->release();
    return Failure::refused;
  }
  clear();
  env_ = env;
  block_ = block;
  data_ = block->data();
  array_buffer_ = reference;
  return Failure::none;
}

bool LastingMemory::adopt(napi_env env, napi_value array_buffer, std::size_t size) {
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_arraybuffer_info(env, array_buffer, &data, &length) != napi_ok || length < size) return false;
  // Memory that obeys is not what is wanted.
  if (napi_detach_arraybuffer(env, array_buffer) == napi_ok) return false;
  napi_ref reference = nullptr;
  if (napi_create_reference(env, array_buffer, 1, &reference) != napi_ok) return false;
  clear();
  env_ = env;
  data_ = static_cast<std::uint8_t*>(data);
  array_buffer_ = reference;
  return true;
}

void LastingMemory::clear() {
  if (array_buffer_) (void)napi_delete_reference(env_, std::exchange(array_buffer_, nullptr));
  if (block_) std::exchange(block_, nullptr)->release();
  data_ = nullptr;
}

void LastingMemory::swap(LastingMemory& other) {
  std::swap(env_, other.env_);
  std::swap(block_, other.block_);
  std::swap(data_, other.data_);
  std::swap(array_buffer_, other.array_buffer_);
}

napi_value LastingMemory::array_buffer() const {
  napi_value value = nullptr;
  return napi_get_reference_value(env_, array_buffer_, &value) == napi_ok ? value : nullptr;
}

bool LastingMemory::is_detached() const {
  napi_value value = array_buffer();
  bool detached = false;
  return value && napi_is_detached_arraybuffer(env_, value, &detached) == napi_ok && detached;
}

}  // namespace portside

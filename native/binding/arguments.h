// What JavaScript passes, read so that nothing it may be can harm: what is not of the expected kind counts as
// nothing. Reading a property may run a program's getter, which may do anything, so options are read to the
// end before the engine is looked at.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../engine/backend.h"

namespace portside {

// A whole number of that range; nothing when it is anything else.
std::optional<std::uint32_t> whole_number(Napi::Value value, std::uint32_t most = 0xffffffff);

// 0 when it is no number; numbers that are too large wrap.
std::int32_t integer(Napi::Value value);

// As JavaScript writes it: a delay of 0 for off, of -1 for on with the OS's own.
KeepAlive keep_alive(std::int32_t delay, std::int32_t interval, std::int32_t count);

// No handle at all when these are no index and generation.
HandleId handle_id(const Napi::CallbackInfo& info);

// The views of a send: one, or a list of them. Nothing when reading the list threw, or when it holds more
// than a send can take.
std::optional<std::vector<napi_value>> views_of(Napi::Value data);

// Where their bytes lie; none for what is detached or no typed array.
std::vector<Bytes> bytes_of(napi_env env, const std::vector<napi_value>& views);

// As JavaScript writes it: 0 for off, -1 for on with the OS's own delay, or the delay.
KeepAlive keep_alive_of(std::int32_t delay, std::int32_t interval, std::int32_t count);

// All options, or what was found until reading one threw: then the exception is pending.
ListenParameters listen_parameters(Napi::Value options);
ConnectParameters connect_parameters(Napi::Value options);

struct PortParameters {
  std::string backend;
  bool loop = false;
  std::uint32_t batch = 1;
  std::uint32_t polls = 1;
  std::uint32_t counters_start = 0;
  napi_value received = nullptr;  // memory that no program can detach, where the host has such
  bool received_can_be_taken = false;
};
PortParameters port_parameters(Napi::Value options);

}  // namespace portside

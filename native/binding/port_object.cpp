#include "port_object.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace portside {
namespace {

std::uint32_t number(const Napi::CallbackInfo& info, std::size_t i) {
  return info[i].As<Napi::Number>().Uint32Value();
}
std::int32_t integer(const Napi::CallbackInfo& info, std::size_t i) {
  return info[i].As<Napi::Number>().Int32Value();
}
HandleId handle_id(const Napi::CallbackInfo& info) {
  return {number(info, 0), number(info, 1)};
}

Napi::Object describe_error(Napi::Env env, Error error, const char* syscall) {
  auto object = Napi::Object::New(env);
  object["code"] = Napi::Number::New(env, static_cast<double>(error.code));
  object["native"] = Napi::Number::New(env, error.native);
  object["syscall"] = Napi::String::New(env, syscall);
  return object;
}

Napi::Value answer(Napi::Env env, Error error, const char* syscall) {
  return error ? describe_error(env, error, syscall) : env.Undefined();
}

Napi::Value answer(Napi::Env env, const Opened& opened) {
  if (opened.error) return describe_error(env, opened.error, opened.syscall);
  auto object = Napi::Object::New(env);
  object["index"] = Napi::Number::New(env, opened.id.index);
  object["generation"] = Napi::Number::New(env, opened.id.generation);
  return object;
}

// Reading a property runs JavaScript's machinery and gives nothing when the worker is being terminated. What
// is made of that nothing does not matter then, as long as it is harmless.
std::int32_t integer_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  return value.IsEmpty() || !value.IsNumber() ? 0 : value.As<Napi::Number>().Int32Value();
}

bool flag_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  return !value.IsEmpty() && value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

// Empty where there is no such text.
std::string text_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  return value.IsEmpty() || !value.IsString() ? std::string() : value.As<Napi::String>().Utf8Value();
}

IpAddress address_of(const Napi::Object& object, const char* text, const char* port) {
  const std::string address = text_of(object, text);
  return {address, address.find(':') != std::string::npos,
          static_cast<std::uint16_t>(integer_of(object, port))};
}

// As JavaScript writes it: 0 for off, -1 for on with the OS's own delay, or the delay.
KeepAlive keep_alive_of(std::int32_t delay, std::int32_t interval, std::int32_t count) {
  return {.on = delay != 0, .delay = delay > 0 ? delay : 0, .interval = interval, .count = count};
}

SocketSettings settings_of(const Napi::Object& object) {
  return {
      .receive_buffer_size = integer_of(object, "receiveBufferSize"),
      .send_buffer_size = integer_of(object, "sendBufferSize"),
      .keep_alive = keep_alive_of(integer_of(object, "keepAlive"), integer_of(object, "keepAliveInterval"),
                                  integer_of(object, "keepAliveCount")),
      .user_timeout = integer_of(object, "userTimeout"),
      .no_delay = flag_of(object, "noDelay"),
      .unbuffered_sends = flag_of(object, "unbufferedSends")};
}

AcceptSettings accepting_of(const Napi::Object& object) {
  return {.low = static_cast<std::uint32_t>(integer_of(object, "acceptLowWaterMark")),
          .high = static_cast<std::uint32_t>(integer_of(object, "acceptHighWaterMark")),
          .with_data = flag_of(object, "acceptData"),
          .timeout = static_cast<std::uint32_t>(integer_of(object, "acceptTimeout")),
          .reuse_sockets = flag_of(object, "reuseSockets")};
}

// The bytes of a view; none when it is detached.
Bytes bytes_of(napi_env env, napi_value view) {
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, view, nullptr, &length, &data, nullptr, nullptr) != napi_ok || !data)
    return {};
  return {static_cast<const std::uint8_t*>(data), length};
}

}  // namespace

Napi::Function PortObject::define(Napi::Env env) {
  return DefineClass(env, "Port",
                     {
                         InstanceMethod<&PortObject::submit>("submit"),
                         InstanceMethod<&PortObject::send>("send"),
                         InstanceMethod<&PortObject::turn>("turn"),
                         InstanceMethod<&PortObject::listen>("listen"),
                         InstanceMethod<&PortObject::connect>("connect"),
                         InstanceMethod<&PortObject::address>("address"),
                         InstanceMethod<&PortObject::set_no_delay>("setNoDelay"),
                         InstanceMethod<&PortObject::set_keep_alive>("setKeepAlive"),
                         InstanceMethod<&PortObject::set_user_timeout>("setUserTimeout"),
                         InstanceMethod<&PortObject::connect_has_ended>("connectHasEnded"),
                         InstanceMethod<&PortObject::set_handle_referenced>("setHandleReferenced"),
                         InstanceMethod<&PortObject::queued>("queued"),
                         InstanceMethod<&PortObject::set_referenced>("setReferenced"),
                         InstanceMethod<&PortObject::take_packets>("takePackets"),
                         InstanceMethod<&PortObject::stats>("stats"),
                         InstanceMethod<&PortObject::describe>("describe"),
                         InstanceMethod<&PortObject::close>("close"),
                     });
}

// (options, rings, received, deliver, yield)
PortObject::PortObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PortObject>(info) {
  const auto env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  PortCore::Memory memory{info[1].As<Napi::ArrayBuffer>(), info[2].As<Napi::ArrayBuffer>()};
  if (memory.rings.ByteLength() < rings_size || memory.received.ByteLength() < receive_space_size) {
    Napi::RangeError::New(env, "the rings' memory is too small").ThrowAsJavaScriptException();
    return;
  }
  const std::string backend = text_of(options, "backend");
  const EngineOptions engine{.backend = backend.c_str(),
                             .batch = static_cast<std::uint32_t>(integer_of(options, "batch")),
                             .polls = static_cast<std::uint32_t>(integer_of(options, "polls"))};
  const auto kind = flag_of(options, "loop") ? WakerKind::loop : WakerKind::thread;
  Error error;
  core_ = PortCore::open(env, engine, kind, memory, info[3].As<Napi::Function>(),
                         info[4].As<Napi::Function>(), error);
  if (core_) return;
  auto failure = Napi::Error::New(env, "the engine cannot start");
  failure.Set("portside", describe_error(env, error, "open"));
  failure.ThrowAsJavaScriptException();
}

Napi::Value PortObject::submit(const Napi::CallbackInfo& info) {
  if (core_) {
    core_->engine().take_submissions();
    core_->update();
  }
  return info.Env().Undefined();
}

// (index, generation, token, flags, view or list of views): the bytes that the OS did not take.
Napi::Value PortObject::send(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  if (!core_) return Napi::Number::New(env, 0);
  // What was submitted before goes before.
  core_->engine().take_submissions();
  // All views first, then where their bytes lie: reading a list may run a getter, which may detach a view.
  std::vector<napi_value> views;
  if (info[4].IsArray()) {
    const auto list = info[4].As<Napi::Array>();
    for (std::uint32_t i = 0; i < list.Length(); i++)
      views.push_back(list.Get(i));
  } else {
    views.push_back(info[4]);
  }
  std::vector<Bytes> parts;
  parts.reserve(views.size());
  for (napi_value view : views)
    parts.push_back(bytes_of(env, view));
  const auto left = core_->engine().send(handle_id(info), number(info, 2), parts, integer(info, 3));
  core_->update();
  return Napi::Number::New(env, static_cast<double>(left));
}

Napi::Value PortObject::turn(const Napi::CallbackInfo& info) {
  if (core_) core_->turn_after_yield();
  return info.Env().Undefined();
}

Napi::Value PortObject::listen(const Napi::CallbackInfo& info) {
  if (!core_) return answer(info.Env(), stale_handle, "listen");
  const auto options = info[0].As<Napi::Object>();
  const ListenParameters parameters{.address = address_of(options, "address", "port"),
                                    .backlog = integer_of(options, "backlog"),
                                    .ipv6_only = flag_of(options, "ipv6Only"),
                                    .reuse_port = flag_of(options, "reusePort"),
                                    .settings = settings_of(options),
                                    .accepting = accepting_of(options)};
  // A listener that was closed before is to leave its port first.
  core_->engine().take_submissions();
  const auto opened = core_->engine().backend().listen(parameters);
  core_->update();
  return answer(info.Env(), opened);
}

Napi::Value PortObject::connect(const Napi::CallbackInfo& info) {
  if (!core_) return answer(info.Env(), stale_handle, "connect");
  const auto options = info[0].As<Napi::Object>();
  ConnectParameters parameters{.address = address_of(options, "address", "port"),
                               .local = std::nullopt,
                               .settings = settings_of(options),
                               .token = number(info, 1)};
  if (!text_of(options, "localAddress").empty())
    parameters.local = address_of(options, "localAddress", "localPort");
  core_->engine().take_submissions();
  const auto opened = core_->engine().backend().connect(parameters);
  core_->update();
  return answer(info.Env(), opened);
}

Napi::Value PortObject::address(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  IpAddress address;
  if (!core_ || core_->engine().backend().address(handle_id(info), info[2].ToBoolean(), address))
    return env.Undefined();
  auto object = Napi::Object::New(env);
  object["address"] = Napi::String::New(env, address.text);
  object["family"] = Napi::String::New(env, address.is_ipv6 ? "IPv6" : "IPv4");
  object["port"] = Napi::Number::New(env, address.port);
  return object;
}

Napi::Value PortObject::set_no_delay(const Napi::CallbackInfo& info) {
  if (!core_) return answer(info.Env(), stale_handle, "setsockopt");
  return answer(info.Env(), core_->engine().backend().set_no_delay(handle_id(info), info[2].ToBoolean()),
                "setsockopt");
}

Napi::Value PortObject::set_keep_alive(const Napi::CallbackInfo& info) {
  if (!core_) return answer(info.Env(), stale_handle, "setsockopt");
  const KeepAlive wanted = keep_alive_of(integer(info, 2), integer(info, 3), integer(info, 4));
  return answer(info.Env(), core_->engine().backend().set_keep_alive(handle_id(info), wanted), "setsockopt");
}

Napi::Value PortObject::set_user_timeout(const Napi::CallbackInfo& info) {
  if (!core_) return answer(info.Env(), stale_handle, "setsockopt");
  return answer(info.Env(), core_->engine().backend().set_user_timeout(handle_id(info), integer(info, 2)),
                "setsockopt");
}

Napi::Value PortObject::connect_has_ended(const Napi::CallbackInfo& info) {
  const bool ended = !core_ || core_->engine().backend().connect_has_ended(handle_id(info));
  if (core_) core_->update();
  return Napi::Boolean::New(info.Env(), ended);
}

Napi::Value PortObject::set_handle_referenced(const Napi::CallbackInfo& info) {
  if (core_) {
    core_->engine().backend().set_referenced(handle_id(info), info[2].ToBoolean());
    core_->update();
  }
  return info.Env().Undefined();
}

Napi::Value PortObject::queued(const Napi::CallbackInfo& info) {
  const auto bytes = core_ ? core_->engine().backend().queued(handle_id(info)) : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

Napi::Value PortObject::set_referenced(const Napi::CallbackInfo& info) {
  if (core_) core_->set_referenced(info[0].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value PortObject::take_packets(const Napi::CallbackInfo& info) {
  auto list = Napi::Array::New(info.Env());
  if (!core_) return list;
  std::uint32_t i = 0;
  for (const auto& packet : core_->engine().take_packets()) {
    list[i++] = Napi::Buffer<std::uint8_t>::Copy(info.Env(), packet.data(), packet.size());
  }
  return list;
}

Napi::Value PortObject::stats(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  if (!core_) return env.Undefined();
  const Counters& counters = core_->engine().counters();
  const std::array<std::pair<const char*, std::uint64_t>, 18> figures = {{
      {"handles", counters.handles},
      {"operations", counters.submitted - counters.completed},
      {"submitted", counters.submitted},
      {"completed", counters.completed},
      {"batches", counters.batches},
      {"polls", counters.polls},
      {"accepted", counters.accepted},
      {"connected", counters.connected},
      {"shortages", counters.shortages},
      {"bytesReceived", counters.bytes_received},
      {"bytesSent", counters.bytes_sent},
      {"bytesQueued", counters.bytes_queued},
      {"receiveBuffers", counters.receive_buffers},
      {"postedAccepts", counters.posted_accepts},
      {"postedReceives", counters.posted_receives},
      {"postedSends", counters.posted_sends},
      {"acceptsTimedOut", counters.accepts_timed_out},
      {"retries", counters.retries},
  }};
  auto object = Napi::Object::New(env);
  for (const auto& [name, figure] : figures)
    object[name] = Napi::Number::New(env, static_cast<double>(figure));
  return object;
}

Napi::Value PortObject::describe(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  if (!core_) return env.Undefined();
  auto object = Napi::Object::New(env);
  object["id"] = Napi::Number::New(env, core_->engine().mailbox_id());
  object["loop"] = Napi::Boolean::New(env, core_->waker_kind() == WakerKind::loop);
  return object;
}

Napi::Value PortObject::close(const Napi::CallbackInfo& info) {
  if (core_) std::exchange(core_, nullptr)->close();
  return info.Env().Undefined();
}

}  // namespace portside

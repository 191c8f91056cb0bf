#include "port_object.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "arguments.h"

namespace portside {
namespace {

// Defined, not assigned: what a program has given to every object (a setter, a constant of the same name)
// neither hears of the value nor stands in for it.
void put(Napi::Object& object, const char* name, Napi::Value value) {
  object.DefineProperty(Napi::PropertyDescriptor::Value(name, value, napi_default_jsproperty));
}

Napi::Object describe_error(Napi::Env env, Error error, const char* syscall) {
  auto object = Napi::Object::New(env);
  put(object, "code", Napi::Number::New(env, static_cast<double>(error.code)));
  put(object, "native", Napi::Number::New(env, error.native));
  put(object, "syscall", Napi::String::New(env, syscall));
  return object;
}

Napi::Value answer(Napi::Env env, Error error, const char* syscall) {
  return error ? describe_error(env, error, syscall) : env.Undefined();
}

Napi::Value answer(Napi::Env env, const Opened& opened) {
  if (opened.error) return describe_error(env, opened.error, opened.syscall);
  auto object = Napi::Object::New(env);
  put(object, "index", Napi::Number::New(env, opened.id.index));
  put(object, "generation", Napi::Number::New(env, opened.id.generation));
  return object;
}

}  // namespace

Napi::Function PortObject::define(Napi::Env env) {
  return DefineClass(env, "Port",
                     {
                         InstanceMethod<&PortObject::memory>("memory"),
                         InstanceMethod<&PortObject::renew_received>("renewReceived"),
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

// (options, deliver, yield)
PortObject::PortObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PortObject>(info) {
  const auto env = info.Env();
  const PortParameters parameters = port_parameters(info[0]);
  if (env.IsExceptionPending()) return;
  const auto& names = backend_names();
  if (!info[1].IsFunction() || !info[2].IsFunction() ||
      std::find(names.begin(), names.end(), parameters.backend) == names.end()) {
    Napi::TypeError::New(env, "Port wants options with a backend's name, and two functions")
        .ThrowAsJavaScriptException();
    return;
  }
  PortCore::Refusal refusal;
  core_ =
      PortCore::open(env, parameters, info[1].As<Napi::Function>(), info[2].As<Napi::Function>(), refusal);
  if (core_) return;
  auto failure = Napi::Error::New(env, std::string("a port cannot be opened without ") + refusal.missing);
  auto details = describe_error(env, refusal.error, "open");
  put(details, "missing", Napi::String::New(env, refusal.missing));
  auto thrown = failure.Value();
  put(thrown, "portside", details);
  failure.ThrowAsJavaScriptException();
}

Napi::Value PortObject::memory(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  if (!core_) return env.Undefined();
  auto object = Napi::Object::New(env);
  put(object, "rings", Napi::Value(env, core_->rings()));
  put(object, "received", Napi::Value(env, core_->received()));
  return object;
}

// A program has taken the receive space's memory away from it.
Napi::Value PortObject::renew_received(const Napi::CallbackInfo& info) {
  return core_ ? Napi::Value(info.Env(), core_->received()) : info.Env().Undefined();
}

Napi::Value PortObject::submit(const Napi::CallbackInfo& info) {
  if (core_) {
    core_->take_submissions();
    core_->update();
  }
  return info.Env().Undefined();
}

// (index, generation, token, flags, view or list of views): the bytes that the OS did not take.
Napi::Value PortObject::send(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const HandleId id = handle_id(info);
  const auto token = whole_number(info[2], max_token);
  const std::int32_t flags = integer(info[3]);
  // All views first, then where their bytes lie: reading a list may run a getter, which may detach a view, or
  // close the port.
  const auto views = views_of(info[4]);
  if (env.IsExceptionPending()) return {};
  if (!core_ || !views || !token) return Napi::Number::New(env, 0);
  // What was submitted before goes before.
  core_->take_submissions();
  const auto left = core_->engine().send(id, *token, bytes_of(env, *views), flags);
  core_->update();
  return Napi::Number::New(env, static_cast<double>(left));
}

Napi::Value PortObject::turn(const Napi::CallbackInfo& info) {
  if (core_) core_->turn_after_yield();
  return info.Env().Undefined();
}

Napi::Value PortObject::listen(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const ListenParameters parameters = listen_parameters(info[0]);
  if (env.IsExceptionPending()) return {};
  if (!core_) return answer(env, stale_handle, "listen");
  // A listener that was closed before is to leave its port first.
  core_->take_submissions();
  const auto opened = core_->engine().backend().listen(parameters);
  core_->update();
  return answer(env, opened);
}

// (options, token)
Napi::Value PortObject::connect(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  ConnectParameters parameters = connect_parameters(info[0]);
  parameters.token = whole_number(info[1], max_token).value_or(0);
  if (env.IsExceptionPending()) return {};
  if (!core_) return answer(env, stale_handle, "connect");
  core_->take_submissions();
  const auto opened = core_->engine().connect(parameters);
  core_->update();
  return answer(env, opened);
}

Napi::Value PortObject::address(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  IpAddress address;
  if (!core_ || core_->engine().backend().address(handle_id(info), info[2].ToBoolean(), address))
    return env.Undefined();
  auto object = Napi::Object::New(env);
  put(object, "address", Napi::String::New(env, address.text));
  put(object, "family", Napi::String::New(env, address.is_ipv6 ? "IPv6" : "IPv4"));
  put(object, "port", Napi::Number::New(env, address.port));
  return object;
}

Napi::Value PortObject::set_no_delay(const Napi::CallbackInfo& info) {
  if (!core_) return answer(info.Env(), stale_handle, "setsockopt");
  return answer(info.Env(), core_->engine().backend().set_no_delay(handle_id(info), info[2].ToBoolean()),
                "setsockopt");
}

Napi::Value PortObject::set_keep_alive(const Napi::CallbackInfo& info) {
  if (!core_) return answer(info.Env(), stale_handle, "setsockopt");
  const KeepAlive wanted = keep_alive_of(integer(info[2]), integer(info[3]), integer(info[4]));
  return answer(info.Env(), core_->engine().backend().set_keep_alive(handle_id(info), wanted), "setsockopt");
}

Napi::Value PortObject::set_user_timeout(const Napi::CallbackInfo& info) {
  if (!core_) return answer(info.Env(), stale_handle, "setsockopt");
  return answer(info.Env(), core_->engine().backend().set_user_timeout(handle_id(info), integer(info[2])),
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

// (most)
Napi::Value PortObject::take_packets(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  auto list = Napi::Array::New(env);
  if (!core_) return list;
  std::uint32_t i = 0;
  for (const auto& packet : core_->engine().take_packets(whole_number(info[0]).value_or(0)))
    list[i++] = Napi::Buffer<std::uint8_t>::Copy(env, packet.data(), packet.size());
  core_->update();  // there may be more
  return list;
}

Napi::Value PortObject::stats(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  if (!core_) return env.Undefined();
  const Counters& counters = core_->engine().counters();
  const std::array<std::pair<const char*, std::uint64_t>, 19> figures = {{
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
      {"bytesDropped", counters.bytes_dropped},
      {"receiveBuffers", counters.receive_buffers},
      {"postedAccepts", counters.posted_accepts},
      {"postedReceives", counters.posted_receives},
      {"postedSends", counters.posted_sends},
      {"acceptsTimedOut", counters.accepts_timed_out},
      {"retries", counters.retries},
  }};
  auto object = Napi::Object::New(env);
  for (const auto& [name, figure] : figures)
    put(object, name, Napi::Number::New(env, static_cast<double>(figure)));
  return object;
}

Napi::Value PortObject::describe(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  if (!core_) return env.Undefined();
  auto object = Napi::Object::New(env);
  put(object, "id", Napi::Number::New(env, core_->engine().mailbox_id()));
  put(object, "loop", Napi::Boolean::New(env, core_->waker_kind() == WakerKind::loop));
  return object;
}

Napi::Value PortObject::close(const Napi::CallbackInfo& info) {
  if (core_) std::exchange(core_, nullptr)->close();
  return info.Env().Undefined();
}

}  // namespace portside

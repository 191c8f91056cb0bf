#include <napi.h>

#include "../engine/engine.h"
#include "arguments.h"
#include "port_object.h"

namespace portside {
namespace {

template <typename Names>
Napi::Array names_of(Napi::Env env, const Names& names) {
  auto list = Napi::Array::New(env);
  std::uint32_t i = 0;
  for (const auto& name : names)
    list[i++] = Napi::String::New(env, std::string(name));
  return list;
}

// Where things lie in the rings' memory: told to JavaScript, so that it is written down once.
Napi::Object layout(Napi::Env env) {
  auto object = Napi::Object::New(env);
  const auto set = [&](const char* name, std::uint32_t value) {
    object[name] = Napi::Number::New(env, value);
  };
  set("ringsSize", rings_size);
  set("receiveSpaceSize", receive_space_size);
  set("receiveLimit", receive_limit);
  set("maxToken", max_token);
  set("submissionsAt", submissions_at);
  set("submissionCapacity", submission_capacity);
  set("completionsAt", completions_at);
  set("completionCapacity", completion_capacity);
  set("sendSpaceAt", send_space_at);
  set("sendSpaceSize", send_space_size);
  return object;
}

// (id, bytes) -> whether a port of that number is open, in any thread.
Napi::Value post(const Napi::CallbackInfo& info) {
  const auto id = whole_number(info[0]);
  if (!id || !info[1].IsTypedArray()) {
    Napi::TypeError::New(info.Env(), "post wants a port's number and bytes").ThrowAsJavaScriptException();
    return {};
  }
  Packet packet;
  for (const Bytes bytes : bytes_of(info.Env(), {info[1]}))
    packet.assign(bytes.begin(), bytes.end());
  return Napi::Boolean::New(info.Env(), Mailbox::post(*id, std::move(packet)));
}

// The contract's name of what the OS calls so.
Napi::Value error_code_of(const Napi::CallbackInfo& info) {
  const Error error = error_of(integer(info[0]));
  return Napi::String::New(info.Env(), std::string(error_names[static_cast<std::size_t>(error.code)]));
}

Napi::Value report_uncaught(const Napi::CallbackInfo& info) {
  (void)napi_fatal_exception(info.Env(), info[0]);  // fails in a worker that is being terminated only
  return {};
}

Napi::Value set_socket_limit(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), limit_sockets(whole_number(info[0]).value_or(0xffffffff)));
}

Napi::Value set_refused_requests(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), refuse_requests(whole_number(info[0]).value_or(0)));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports["Port"] = PortObject::define(env);
  exports["post"] = Napi::Function::New(env, post, "post");
  exports["reportUncaught"] = Napi::Function::New(env, report_uncaught, "reportUncaught");
  exports["errorCodeOf"] = Napi::Function::New(env, error_code_of, "errorCodeOf");
  exports["limitSockets"] = Napi::Function::New(env, set_socket_limit, "limitSockets");
  exports["refuseRequests"] = Napi::Function::New(env, set_refused_requests, "refuseRequests");
  exports["layout"] = layout(env);
  exports["errorNames"] = names_of(env, error_names);
  exports["backends"] = names_of(env, backend_names());
  return exports;
}

}  // namespace
}  // namespace portside

// The macro wants a function outside of any namespace.
static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  return portside::initialize(env, exports);
}
NODE_API_MODULE(portside, Initialize)

// The object JavaScript holds of a port: arguments in, plain values out. What it is asked for is checked in
// TypeScript; here again what could do harm, whoever calls.
#pragma once

#include <napi.h>

#include "port_core.h"

namespace portside {

class PortObject final : public Napi::ObjectWrap<PortObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit PortObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value renew_received(const Napi::CallbackInfo& info);
  Napi::Value submit(const Napi::CallbackInfo& info);
  Napi::Value send(const Napi::CallbackInfo& info);
  Napi::Value turn(const Napi::CallbackInfo& info);
  Napi::Value listen(const Napi::CallbackInfo& info);
  Napi::Value connect(const Napi::CallbackInfo& info);
  Napi::Value address(const Napi::CallbackInfo& info);
  Napi::Value set_no_delay(const Napi::CallbackInfo& info);
  Napi::Value set_keep_alive(const Napi::CallbackInfo& info);
  Napi::Value set_user_timeout(const Napi::CallbackInfo& info);
  Napi::Value connect_has_ended(const Napi::CallbackInfo& info);
  Napi::Value set_handle_referenced(const Napi::CallbackInfo& info);
  Napi::Value queued(const Napi::CallbackInfo& info);
  Napi::Value set_referenced(const Napi::CallbackInfo& info);
  Napi::Value take_packets(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  Napi::Value describe(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  PortCore* core_ = nullptr;  // null once closed
};

}  // namespace portside

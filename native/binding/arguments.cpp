#include "arguments.h"

#include <algorithm>
#include <cmath>

namespace portside {
namespace {

// One send takes no more than this many pieces.
constexpr std::uint32_t most_views = 1 << 24;

constexpr std::uint32_t most_polls = 64;

// As JavaScript's side has it (src/listen.ts).
constexpr std::uint32_t most_accepts = 4096;

class Options {
 public:
  explicit Options(Napi::Value value) : env_(value.Env()) {
    if (value.IsObject()) object_ = value;
  }

  std::int32_t integer(const char* name) const { return portside::integer(get(name)); }
  std::uint32_t number(const char* name, std::uint32_t least, std::uint32_t most) const {
    const double value = number_of(get(name));
    return value >= least ? static_cast<std::uint32_t>(std::min<double>(value, most)) : least;
  }
  bool flag(const char* name) const {
    bool value = false;
    const Napi::Value got = get(name);
    return !got.IsEmpty() && napi_get_value_bool(env_, got, &value) == napi_ok && value;
  }
  napi_value array_buffer(const char* name) const {
    const Napi::Value value = get(name);
    return !value.IsEmpty() && value.IsArrayBuffer() ? napi_value(value) : nullptr;
  }
  // Empty where there is no such text.
  std::string text(const char* name) const {
    const Napi::Value value = get(name);
    return value.IsEmpty() || !value.IsString() ? std::string() : value.As<Napi::String>().Utf8Value();
  }
  IpAddress address(const char* text_name, const char* port) const {
    const std::string address = text(text_name);
    return {address, address.find(':') != std::string::npos, static_cast<std::uint16_t>(integer(port))};
  }

 private:
  static double number_of(const Napi::Value& value) {
    double number = 0;
    if (value.IsEmpty() || napi_get_value_double(value.Env(), value, &number) != napi_ok) return 0;
    return std::isnan(number) ? 0 : number;
  }
  // Nothing once a getter has thrown, or the worker is being terminated.
  Napi::Value get(const char* name) const {
    napi_value value = nullptr;
    if (!object_ || napi_get_named_property(env_, object_, name, &value) != napi_ok) return {};
    return {env_, value};
  }

  napi_env env_;
  napi_value object_ = nullptr;
};

SocketSettings settings_of(const Options& options) {
  return {.receive_buffer_size = options.integer("receiveBufferSize"),
          .send_buffer_size = options.integer("sendBufferSize"),
          .keep_alive = keep_alive_of(options.integer("keepAlive"), options.integer("keepAliveInterval"),
                                      options.integer("keepAliveCount")),
          .user_timeout = options.integer("userTimeout"),
          .no_delay = options.flag("noDelay"),
          .unbuffered_sends = options.flag("unbufferedSends")};
}

AcceptSettings accepting_of(const Options& options) {
  return {.low = options.number("acceptLowWaterMark", 0, most_accepts),
          .high = options.number("acceptHighWaterMark", 0, most_accepts),
          .with_data = options.flag("acceptData"),
          .timeout = options.number("acceptTimeout", 0, 0x7fffffff),
          .reuse_sockets = options.flag("reuseSockets")};
}

}  // namespace

std::optional<std::uint32_t> whole_number(Napi::Value value, std::uint32_t most) {
  double number = 0;
  if (value.IsEmpty() || napi_get_value_double(value.Env(), value, &number) != napi_ok) return std::nullopt;
  if (!(number >= 0 && number <= most) || number != std::floor(number)) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

std::int32_t integer(Napi::Value value) {
  std::int32_t number = 0;
  if (value.IsEmpty() || napi_get_value_int32(value.Env(), value, &number) != napi_ok) return 0;
  return number;
}

HandleId handle_id(const Napi::CallbackInfo& info) {
  const auto index = whole_number(info[0]);
  const auto generation = whole_number(info[1]);
  return index && generation ? HandleId{*index, *generation} : HandleId{};
}

std::optional<std::vector<napi_value>> views_of(Napi::Value data) {
  const napi_env env = data.Env();
  if (!data.IsArray()) return std::vector<napi_value>{data};
  std::uint32_t length = 0;
  if (napi_get_array_length(env, data, &length) != napi_ok || length > most_views) return std::nullopt;
  std::vector<napi_value> views(length);
  for (std::uint32_t i = 0; i < length; i++) {
    if (napi_get_element(env, data, i, &views[i]) != napi_ok) return std::nullopt;
  }
  return views;
}

std::vector<Bytes> bytes_of(napi_env env, const std::vector<napi_value>& views) {
  std::vector<Bytes> parts;
  parts.reserve(views.size());
  for (napi_value view : views) {
    napi_typedarray_type type{};
    size_t length = 0;
    void* data = nullptr;
    napi_value array_buffer = nullptr;
    size_t offset = 0;
    const bool known =
        napi_get_typedarray_info(env, view, &type, &length, &data, &array_buffer, &offset) == napi_ok;
    // Of other typed arrays the length counts elements: they hold no fewer bytes.
    if (known && data) parts.emplace_back(static_cast<const std::uint8_t*>(data), length);
  }
  return parts;
}

KeepAlive keep_alive_of(std::int32_t delay, std::int32_t interval, std::int32_t count) {
  return {.on = delay != 0, .delay = delay > 0 ? delay : 0, .interval = interval, .count = count};
}

ListenParameters listen_parameters(Napi::Value value) {
  const Options options(value);
  return {.address = options.address("address", "port"),
          .backlog = options.integer("backlog"),
          .ipv6_only = options.flag("ipv6Only"),
          .reuse_port = options.flag("reusePort"),
          .settings = settings_of(options),
          .accepting = accepting_of(options)};
}

ConnectParameters connect_parameters(Napi::Value value) {
  const Options options(value);
  ConnectParameters parameters{.address = options.address("address", "port"),
                               .local = std::nullopt,
                               .settings = settings_of(options),
                               .token = 0};
  IpAddress local = options.address("localAddress", "localPort");
  if (!local.text.empty()) parameters.local = std::move(local);
  return parameters;
}

PortParameters port_parameters(Napi::Value value) {
  const Options options(value);
  return {.backend = options.text("backend"),
          .loop = options.flag("loop"),
          .batch = options.number("batch", 1, completion_capacity),
          .polls = options.number("polls", 1, most_polls),
          .counters_start = options.number("countersStart", 0, 0xffffffff),
          .received = options.array_buffer("received"),
          .received_can_be_taken = options.flag("receivedCanBeTaken")};
}

}  // namespace portside

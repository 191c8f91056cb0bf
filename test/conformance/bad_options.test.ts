import {
  CompletionPort,
  type CompletionPortOptions,
  type ConnectOptions,
  connect,
  type ListenOptions,
  listen,
  type TcpSocket,
} from "portside";
import { describe, it } from "vitest";
import { accepted, netServer } from "../support/peers.js";
import {
  bad,
  exception,
  harmless,
  PORT,
  PORT_TYPE,
  RANGE,
  refusal,
  TYPE,
  title,
  VALUE,
  type WrongOption,
} from "../support/push_refusals.js";
import { Scope } from "../support/scope.js";

const socketOptions: WrongOption[] = [
  ["noDelay", "yes", TYPE],
  ["noDelay", 1, TYPE],
  ["noDelay", null, TYPE],
  ["keepAlive", "yes", TYPE],
  ["keepAlive", {}, TYPE],
  ["keepAlive", -1, RANGE],
  ["keepAlive", 999, RANGE],
  ["keepAlive", Number.NaN, RANGE],
  ["keepAlive", Number.POSITIVE_INFINITY, RANGE],
  ["keepAlive", 32_767_001, RANGE],
  ["keepAlive", 2 ** 31 - 1, RANGE],
  ["keepAliveInterval", 999, RANGE],
  ["keepAliveInterval", 32_767_001, RANGE],
  ["keepAliveInterval", true, TYPE],
  ["keepAliveCount", 0, RANGE],
  ["keepAliveCount", 128, RANGE],
  ["keepAliveCount", "5", TYPE],
  ["userTimeout", -1, RANGE],
  ["userTimeout", 2 ** 31, RANGE],
  ["userTimeout", "5000", TYPE],
  ["receiveBufferSize", "65536", TYPE],
  ["receiveBufferSize", true, TYPE],
  ["receiveBufferSize", -1, RANGE],
  ["receiveBufferSize", 1.5, RANGE],
  ["receiveBufferSize", 2 ** 40, RANGE],
  ["sendBufferSize", [], TYPE],
  ["sendBufferSize", "65536", TYPE],
  ["sendBufferSize", -65_536, RANGE],
  ["sendBufferSize", Number.NaN, RANGE],
  ["sendBufferSize", 2 ** 31, RANGE],
  ["highWaterMark", "1", TYPE],
  ["highWaterMark", 1n, TYPE],
  ["highWaterMark", -1, RANGE],
  ["highWaterMark", 0.5, RANGE],
  ["highWaterMark", Number.NaN, RANGE],
  ["borrow", 1, TYPE],
  ["borrow", "true", TYPE],
  ["unbufferedSends", 1, TYPE],
  ["unbufferedSends", "true", TYPE],
  ["unbufferedSends", null, TYPE],
  ["completionPort", {}, TYPE],
  ["completionPort", 1, TYPE],
  ["completionPort", "default", TYPE],
];

const listenOptions: WrongOption[] = [
  ["host", 127, TYPE],
  ["host", true, TYPE],
  ["host", ["127.0.0.1"], TYPE],
  ["host", "", VALUE],
  ["port", -1, PORT],
  ["port", 65_536, PORT],
  ["port", 1.5, PORT],
  ["port", Number.NaN, PORT],
  ["port", Number.POSITIVE_INFINITY, PORT],
  ["port", "http", PORT_TYPE],
  ["port", {}, PORT_TYPE],
  ["port", true, PORT_TYPE],
  ["port", 80n, PORT_TYPE],
  ["backlog", "4096", TYPE],
  ["backlog", -1, RANGE],
  ["backlog", 1.5, RANGE],
  ["backlog", Number.NaN, RANGE],
  ["backlog", 2 ** 31, RANGE],
  ["ipv6Only", "yes", TYPE],
  ["ipv6Only", 0, TYPE],
  ["reusePort", 1, TYPE],
  ["reusePort", "true", TYPE],
  ["acceptLowWaterMark", "16", TYPE],
  ["acceptLowWaterMark", true, TYPE],
  ["acceptLowWaterMark", 0, RANGE],
  ["acceptLowWaterMark", 1.5, RANGE],
  ["acceptLowWaterMark", Number.NaN, RANGE],
  ["acceptLowWaterMark", 4097, RANGE],
  ["acceptHighWaterMark", "256", TYPE],
  ["acceptHighWaterMark", null, TYPE],
  ["acceptHighWaterMark", 0, RANGE],
  ["acceptHighWaterMark", 15, RANGE], // below the low one, which is 16 by default
  ["acceptHighWaterMark", 4097, RANGE],
  ["acceptData", 1, TYPE],
  ["acceptData", "true", TYPE],
  ["acceptTimeout", "10000", TYPE],
  ["acceptTimeout", 0, RANGE],
  ["acceptTimeout", 999, RANGE],
  ["acceptTimeout", 1000.5, RANGE],
  ["acceptTimeout", 2 ** 31, RANGE],
  ["reuseSockets", 1, TYPE],
  ["reuseSockets", "yes", TYPE],
  ["signal", {}, TYPE],
  ["signal", "abort", TYPE],
  ["signal", new AbortController(), TYPE],
  ["family", 5, VALUE],
  ["family", "IPv4", VALUE],
  ["lookup", "dns", TYPE],
  ["lookup", null, TYPE],
  ...socketOptions,
];

const connectOptions: WrongOption[] = [
  ["host", 127, TYPE],
  ["host", null, TYPE],
  ["host", "", VALUE],
  ["port", undefined, PORT_TYPE],
  ["port", null, PORT_TYPE],
  ["port", -1, PORT],
  ["port", 65_536, PORT],
  ["port", 80.5, PORT],
  ["port", Number.NaN, PORT],
  ["port", "http", PORT_TYPE],
  ["port", {}, PORT_TYPE],
  ["family", 5, /^ERR_(INVALID_ARG_VALUE|OUT_OF_RANGE)$/],
  ["family", "IPv4", /^ERR_INVALID_ARG_(VALUE|TYPE)$/],
  ["family", true, /^ERR_INVALID_ARG_(VALUE|TYPE)$/],
  ["localAddress", 127, TYPE],
  ["localAddress", "", /^ERR_INVALID_/],
  ["localAddress", "no address", /^ERR_INVALID_/],
  ["localAddress", "localhost", /^ERR_INVALID_/],
  ["localAddress", "127.0.0.1.1", /^ERR_INVALID_/],
  ["localAddress", "127.0.0.1%lo", VALUE],
  ["lookup", {}, TYPE],
  ["localPort", -1, PORT],
  ["localPort", 65_536, PORT],
  ["localPort", "7000", PORT_TYPE],
  ["timeout", -1, RANGE],
  ["timeout", "1000", TYPE],
  ["timeout", Number.NaN, RANGE],
  ["timeout", 2 ** 31, RANGE],
  ["attemptDelay", -1, RANGE],
  ["attemptDelay", "250", TYPE],
  ["attemptDelay", 2 ** 31, RANGE],
  ["signal", {}, TYPE],
  ["signal", () => {}, TYPE],
  ...socketOptions,
];

describe("an option of listen() that is refused with a typed error, leaving nothing behind:", () => {
  it.each(listenOptions.map(title))("%s", async (_, [name, value, code]) => {
    await using scope = new Scope();
    await harmless(scope, () => refusal(() => listen(bad({ host: "127.0.0.1", [name]: value })), code, name));
  });
});

describe("a high watermark of accepts below the low one", () => {
  it("is refused, whichever was meant", async () => {
    await using scope = new Scope();
    const options: ListenOptions = { host: "127.0.0.1", acceptLowWaterMark: 50, acceptHighWaterMark: 49 };
    await harmless(scope, () => refusal(() => listen(options), RANGE, "acceptHighWaterMark"));
  });

  it("is never the default: a low one above it raises it", async () => {
    await using scope = new Scope();
    scope.use(await listen({ host: "127.0.0.1", acceptLowWaterMark: 300 }));
    scope.use(await listen({ host: "127.0.0.1", acceptLowWaterMark: 50, acceptHighWaterMark: 50 }));
  });
});

describe("an option of connect() that is refused with a typed error, leaving nothing behind:", () => {
  it.each(connectOptions.map(title))("%s", async (_, [name, value, code]) => {
    await using scope = new Scope();
    const server = await netServer(scope);
    await harmless(scope, () =>
      refusal(() => connect(bad({ host: "127.0.0.1", port: server.port, [name]: value })), code, name),
    );
  });
});

describe("an unknown option", () => {
  it.each(["prot", "Host", "path", "timeout", "fd"])("of listen(), %s, is refused", async (name) => {
    await using scope = new Scope();
    await harmless(scope, () => refusal(() => listen(bad({ host: "127.0.0.1", [name]: 1 })), VALUE, name));
  });

  it.each(["prot", "hots", "backlog", "allowHalfOpen"])("of connect(), %s, is refused", async (name) => {
    await using scope = new Scope();
    const { port } = await netServer(scope);
    const options = { host: "127.0.0.1", port, [name]: 1 };
    await harmless(scope, () => refusal(() => connect(bad(options)), VALUE, name));
  });

  const calls: [string, (socket: TcpSocket) => Promise<unknown>][] = [
    ["recv()", (socket) => socket.recv(bad({ sise: 1 }))],
    ["recvInto()", (socket) => socket.recvInto(new Uint8Array(1), bad({ sise: 1 }))],
    ["send()", (socket) => socket.send("x", bad({ sise: 1 }))],
    ["shutdown()", (socket) => socket.shutdown(bad({ sise: 1 }))],
  ];
  it.each(calls)("of %s is refused", async (_, call) => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    await harmless(scope, () => refusal(() => call(socket), VALUE, "sise"));
  });

  it("that is undefined is one that is absent", async () => {
    await using scope = new Scope();
    const options: ListenOptions = {
      host: "127.0.0.1",
      port: undefined,
      backlog: undefined,
      signal: undefined,
      noDelay: undefined,
      keepAlive: undefined,
      completionPort: undefined,
    };
    const listener = scope.use(await listen(options, undefined));
    const { port } = listener.address;
    const client: ConnectOptions = { host: "127.0.0.1", port, timeout: undefined, family: undefined };
    scope.use(await connect(client, undefined));
    scope.use(await listener.accept({ signal: undefined }));
  });
});

describe("options that are no object are refused:", () => {
  it.each([null, 7000, "7000", true, [], () => {}, Symbol("options")].map((value) => [String(value), value]))(
    "%s",
    async (_, value) => {
      await using scope = new Scope();
      await harmless(scope, async () => {
        await refusal(() => listen(bad(value)), TYPE);
        await refusal(() => connect(bad(value)), TYPE);
      });
    },
  );

  it("by connect() none at all", async () => {
    await using scope = new Scope();
    await harmless(scope, () => refusal(() => connect(bad(undefined)), /^ERR_/));
  });
});

describe("an option of new CompletionPort() that is refused:", () => {
  const options: WrongOption[] = [
    ["backend", "no-such-backend", VALUE],
    ["backend", "", VALUE],
    ["backend", 5, TYPE],
    ["waker", "alarm", VALUE],
    ["waker", true, /^ERR_INVALID_ARG_(VALUE|TYPE)$/],
    ["batch", 0, RANGE],
    ["batch", 1025, RANGE],
    ["batch", 1.5, RANGE],
    ["batch", Number.NaN, RANGE],
    ["batch", "64", TYPE],
    ["polls", 0, RANGE],
    ["polls", 65, RANGE],
    ["polls", -3, RANGE],
    ["polls", "3", TYPE],
    ["pols", 3, VALUE],
  ];
  it.each(options.map(title))("%s", async (_, [name, value, code]) => {
    await using scope = new Scope();
    await harmless(scope, async () =>
      exception(() => new CompletionPort(bad({ [name]: value })), code, name),
    );
  });

  it.each([5, "epoll", [], null].map((value) => [String(value), value]))(
    "%s instead of options",
    async (_, value) => {
      await using scope = new Scope();
      await harmless(scope, async () => exception(() => new CompletionPort(bad(value)), TYPE));
    },
  );

  it("a backend of another operating system", async () => {
    await using scope = new Scope();
    const own = CompletionPort.default.backend;
    const foreign = (["epoll", "kqueue", "iocp"] as const).find((name) => name !== own)!;
    const wanted: CompletionPortOptions = { backend: foreign };
    await harmless(scope, async () => exception(() => new CompletionPort(wanted), VALUE, foreign));
  });
});

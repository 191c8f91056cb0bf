import { CompletionPort, connect, listen, type TcpSocket } from "portside";
import { expect, it } from "vitest";
import { failure } from "../support/failure.js";
import { pair } from "../support/peers.js";
import { Scope } from "../support/scope.js";

const host = "127.0.0.1";

/** What a newcomer gets wrong, and what the message answers. */
const mistakes: [name: string, call: (socket: TcpSocket) => unknown, code: string, message: RegExp][] = [
  [
    "a misspelt option",
    (socket) => socket.recv({ sise: 1 } as never),
    "ERR_INVALID_ARG_VALUE",
    /^options\.sise does not exist; check its spelling \(there are: signal, size\)$/,
  ],
  [
    "a handler that does not exist",
    () => listen({ host }, { connection() {} } as never),
    "ERR_INVALID_ARG_VALUE",
    /^handlers\.connection does not exist; .*\(there are: open, data, /,
  ],
  [
    "a signal that is none",
    (socket) => socket.recv({ signal: new AbortController() as never }),
    "ERR_INVALID_ARG_TYPE",
    /^options\.signal must be an AbortSignal, not an AbortController$/,
  ],
  [
    "a buffer without room",
    (socket) => socket.recvInto(new Uint8Array(0)),
    "ERR_INVALID_ARG_VALUE",
    /^buffer must have room for at least one byte$/,
  ],
  [
    "a text that is too long",
    (socket) => socket.send(Array(8).fill("x".repeat(2 ** 28))),
    "ERR_OUT_OF_RANGE",
    /^data must be at most 2147483647 bytes .*; send it in several pieces$/,
  ],
  [
    "a list that is too long",
    (socket) => socket.send(Array(2 ** 20 + 1).fill("")),
    "ERR_OUT_OF_RANGE",
    /^data must be a list of at most 1048576 parts, not of 1048577; join some of them$/,
  ],
  [
    "pause() in pull style",
    async (socket) => socket.pause(),
    "ERR_INVALID_STATE",
    /this socket has no handlers: it receives only when recv\(\) is called$/,
  ],
  [
    "accept() in push style",
    async () => {
      await using listener = await listen({ host }, {});
      await listener.accept();
    },
    "ERR_INVALID_STATE",
    /leave the handlers out to call accept\(\)$/,
  ],
  [
    "recv() in push style",
    async () => {
      await using listener = await listen({ host }, {});
      await using socket = await connect({ host, port: listener.address.port }, {});
      await socket.recv();
    },
    "ERR_INVALID_STATE",
    /leave the handlers out to call recv\(\)$/,
  ],
  [
    "an address of the other family",
    () => listen({ host, family: 6 }),
    "EAFNOSUPPORT",
    /^lookup 127\.0\.0\.1: EAFNOSUPPORT, it is not an IPv6 address; change or remove options\.family/,
  ],
  [
    "a resolver that fails",
    () => listen({ host: "some.test", lookup: (_, __, callback) => callback(servfail, "") }),
    "ESERVFAIL",
    /^lookup some\.test: ESERVFAIL, the name could not be looked up; the error's cause says why$/,
  ],
  [
    "a socket that is closed",
    async (socket) => {
      await socket.close();
      await socket.recv();
    },
    "EBADF",
    /^recv: EBADF, the socket is closed; open a new one$/,
  ],
  [
    "a completion port that is closed",
    async () => {
      const completionPort = new CompletionPort();
      await completionPort.close();
      await listen({ host, completionPort });
    },
    "EBADF",
    /^listen: EBADF, the completion port is closed; open a new one$/,
  ],
];
const servfail = Object.assign(new Error("the server failed"), { code: "ESERVFAIL" });

it.each(mistakes)(
  "the message about %s says what is wrong in plain words",
  async (_, call, code, message) => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    const error = await failure((async () => call(client))(), code);
    expect(error.message).toMatch(message);
  },
);

import { CompletionPort, type PortsideError, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { Completions } from "../support/completions.js";
import { failure } from "../support/failure.js";
import { collectGarbage } from "../support/memory.js";
import { accepted, narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

// ES2024, which the library of TypeScript's ES2023 does not describe.
interface LaterArrayBuffer extends ArrayBuffer {
  resize(length: number): void;
  transfer(): ArrayBuffer;
}

const resizable = (length: number, most = length) =>
  new (ArrayBuffer as unknown as new (length: number, options: object) => LaterArrayBuffer)(length, {
    maxByteLength: most,
  });

// Node has it, but its types come with those of browsers only.
declare const WebAssembly: {
  Memory: new (limits: {
    initial: number;
    maximum: number;
  }) => { buffer: ArrayBuffer; grow(pages: number): number };
};

interface Loss {
  readonly name: string;
  /** A view of that many bytes, and what takes its memory away. */
  make(length: number): { view: Uint8Array; lose(): unknown };
}

/** Since Node 21. */
const transfer: Loss = {
  name: "transferred by ArrayBuffer.prototype.transfer",
  make(length) {
    const view = new Uint8Array(length);
    return { view, lose: () => (view.buffer as LaterArrayBuffer).transfer() };
  },
};

const losses: Loss[] = [
  ...("transfer" in ArrayBuffer.prototype ? [transfer] : []),
  {
    name: "transferred by structuredClone",
    make(length) {
      const view = new Uint8Array(length);
      return { view, lose: () => structuredClone(view, { transfer: [view.buffer] }) };
    },
  },
  {
    name: "transferred to another thread's port",
    make(length) {
      const view = new Uint8Array(length + 64).subarray(64);
      return {
        view,
        lose() {
          const { port1, port2 } = new MessageChannel();
          port1.postMessage(view.buffer, [view.buffer as ArrayBuffer]);
          port1.close();
          port2.close();
        },
      };
    },
  },
  {
    name: "resized to nothing",
    make(length) {
      const buffer = resizable(length);
      return { view: new Uint8Array(buffer), lose: () => buffer.resize(0) };
    },
  },
  {
    name: "resized to less than the view",
    make(length) {
      const buffer = resizable(length + 100);
      return { view: new Uint8Array(buffer, 100, length), lose: () => buffer.resize(101) };
    },
  },
  {
    name: "resized to more",
    make(length) {
      const buffer = resizable(length, 2 * length);
      return { view: new Uint8Array(buffer), lose: () => buffer.resize(2 * length) };
    },
  },
  {
    name: "WebAssembly memory that grows",
    make(length) {
      const memory = new WebAssembly.Memory({ initial: Math.ceil(length / 65_536), maximum: 1000 });
      return { view: new Uint8Array(memory.buffer, 0, length), lose: () => memory.grow(1) };
    },
  },
];

/** What a program is told whose buffer went away. */
const LOST = /^(EFAULT|ECANCELED|ERR_INVALID_STATE)$/;

describe.each(losses)("a buffer that is $name while an operation uses it", ({ make }) => {
  it("gives the receive one completion, and the stream goes on behind it", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const { view, lose } = make(1000);
    const receiving = socket.recvInto(view);
    receiving.catch(() => {}); // expectGap() looks at it
    await turns(2);
    lose();
    const sent = pattern(5000);
    await peer.write(sent);
    await peer.end();
    await expectGap(socket, receiving, sent);
  });

  it("in the tick of its submission is safe as well", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const sent = pattern(5000);
    await peer.write(sent);
    await peer.end();
    await turns(3);
    const { view, lose } = make(1000);
    const receiving = socket.recvInto(view);
    lose();
    await expectGap(socket, receiving, sent);
  });

  it("gives the send one completion and the peer no wrong byte", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const { view, lose } = make(STALLING_SIZE);
    const data = pattern(STALLING_SIZE);
    view.set(data);
    const sending = client.send(view);
    await turns(2);
    lose();
    await collectGarbage();
    const closing = sending
      .catch((error: PortsideError) => {
        expect(error.code).toMatch(LOST);
        return error.bytesSent!;
      })
      .then(async (taken) => {
        await client.shutdown();
        return taken;
      });
    const got = await receiveToEnd(server);
    expect(difference(got, data.subarray(0, await closing))).toBe("");
  });

  it("lets an operation object and its next use be", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const done = new Completions(CompletionPort.default);
    const { view, lose } = make(100);
    done.operation.recv(socket, view);
    await turns(2);
    lose();
    await peer.write("first");
    await peer.end();
    const { error, result } = await done.nth(1);
    if (error) expect(error.code).toMatch(LOST);
    else expect(result).toBe(5);
    const buffer = new Uint8Array(10);
    done.operation.recv(socket, buffer);
    const second = await done.nth(2);
    expect(second.error).toBeNull();
    expect(second.result).toBeOneOf(error ? [0, 5] : [0]);
    expect(done.seen).toHaveLength(2);
  });

  it("does not disturb closing and canceling", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const controller = new AbortController();
    const views = [make(100), make(STALLING_SIZE), make(100)];
    const pending = [
      client.recvInto(views[0]!.view, { signal: controller.signal }),
      client.send(views[1]!.view, { signal: controller.signal }),
      server.recvInto(views[2]!.view).then(() => server.recvInto(views[2]!.view)),
    ];
    const settled = Promise.allSettled(pending);
    await turns(2);
    for (const { lose } of views) lose();
    controller.abort();
    await Promise.all([client.close(), server.reset()]);
    const outcomes = await settled;
    expect(outcomes.slice(0, 2).map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
  });
});

describe("a buffer that was detached before the call", () => {
  it("is refused for a receive and is nothing to send", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const gone = new Uint8Array(100);
    structuredClone(gone, { transfer: [gone.buffer] });
    await failure(socket.recvInto(gone), "ERR_INVALID_ARG_VALUE");
    for (const data of [gone, gone.buffer, [gone.buffer, gone]]) {
      expect(await socket.send(data)).toBe(0);
      expect(socket.write(data)).toBe(true);
    }
    await socket.send("next");
    expect((await peer.read(4)).toString()).toBe("next");
  });
});

/**
 * The receive either gave bytes or says that its buffer was lost; then the bytes meant for it, and no others, may
 * be lost with it. What was sent behind them arrives as it was.
 */
async function expectGap(socket: TcpSocket, receiving: Promise<number>, sent: Uint8Array): Promise<void> {
  const taken = await receiving.catch((error: PortsideError) => {
    expect(error.code).toMatch(LOST);
    return undefined;
  });
  const rest = await receiveToEnd(socket);
  const missing = sent.length - rest.length;
  if (taken === undefined) expect(missing).toBeLessThanOrEqual(1000);
  else expect(missing).toBe(taken);
  expect(difference(rest, sent.subarray(missing))).toBe("");
}

describe("a DataView whose buffer is detached", () => {
  it("ends its receive with EFAULT, in every form", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const view = () => new DataView(new ArrayBuffer(8));
    const lose = (lost: DataView) => structuredClone(lost.buffer, { transfer: [lost.buffer as ArrayBuffer] });
    const first = view();
    const second = view();
    const promised = failure(server.recvInto(first), "EFAULT");
    const operation = new Completions(CompletionPort.default);
    operation.operation.recv(server, second);
    lose(first);
    lose(second);
    await client.send("x");
    await promised;
    await client.send("y");
    expect((await operation.nth(1)).error?.code).toBe("EFAULT");
  });

  it("is refused when it is detached before", async () => {
    await using scope = new Scope();
    const { server } = await pair(scope);
    const lost = new DataView(new ArrayBuffer(8));
    structuredClone(lost.buffer, { transfer: [lost.buffer as ArrayBuffer] });
    await failure(server.recvInto(lost), "ERR_INVALID_ARG_VALUE");
  });
});

import { CompletionPort, type PortsideError, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { narrow, pair } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { until } from "../support/wait.js";

const PIECE = 50_000;
const COUNT = 60;

/** A socket whose sends have no buffer below them, and a peer that reads only when it is told to. */
async function unbuffered(
  scope: Scope,
): Promise<{ port: CompletionPort; client: TcpSocket; server: TcpSocket }> {
  const port = scope.use(new CompletionPort());
  const options = {
    receiveBufferSize: narrow.receiveBufferSize,
    unbufferedSends: true,
    completionPort: port,
  };
  return { port, ...(await pair(scope, options)) };
}

/** Sends that are all outstanding at once, and what they send. */
function sends(socket: TcpSocket): { sending: Promise<number>[]; bytes: Uint8Array } {
  const bytes = pattern(PIECE * COUNT);
  const sending = Array.from({ length: COUNT }, (_, index) =>
    socket.send(bytes.subarray(index * PIECE, (index + 1) * PIECE)),
  );
  for (const promise of sending) promise.catch(() => {});
  return { sending, bytes };
}

describe("unbuffered sends", () => {
  it("are many at a time, arrive in order, and complete in order", async () => {
    await using scope = new Scope();
    const { port, client, server } = await unbuffered(scope);
    const { sending, bytes } = sends(client);
    const order: number[] = [];
    sending.forEach((promise, index) => void promise.then(() => order.push(index)));
    await until(() => port.stats().postedSends > 1);
    expect(order.length).toBeLessThan(COUNT);
    expect(difference(await receive(server, bytes.length), bytes)).toBe("");
    expect(await Promise.all(sending)).toEqual(new Array(COUNT).fill(PIECE));
    expect(order).toEqual(Array.from({ length: COUNT }, (_, index) => index));
    expect(port.stats()).toMatchObject({ postedSends: 0, bytesQueued: 0, bytesSent: bytes.length });
  });

  it("are the program's again at once: what it writes over them later does not arrive", async () => {
    await using scope = new Scope();
    const { client, server } = await unbuffered(scope);
    const bytes = pattern(1_000_000);
    const sending = client.send(bytes);
    const wanted = bytes.slice();
    bytes.fill(0);
    expect(difference(await receive(server, wanted.length), wanted)).toBe("");
    expect(await sending).toBe(wanted.length);
  });

  it("are ended by cancel: exactly bytesSent bytes of the cancelled one arrive", async () => {
    await using scope = new Scope();
    const { port, client, server } = await unbuffered(scope);
    const bytes = pattern(8_000_000);
    const controller = new AbortController();
    const sending = client.send(bytes, { signal: controller.signal });
    await until(() => port.stats().postedSends > 1);
    controller.abort();
    const [error, arrived] = await Promise.all([
      sending.then(
        () => undefined,
        (reason: PortsideError) => reason,
      ),
      (async () => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of server) chunks.push(chunk);
        return Buffer.concat(chunks);
      })(),
      sending.catch(() => client.shutdown()),
    ]);
    expect(error).toMatchObject({ name: "AbortError", code: "ECANCELED" });
    expect(difference(arrived, bytes.subarray(0, error!.bytesSent))).toBe("");
    expect(arrived.length).toBeLessThan(bytes.length);
    await until(() => port.stats().postedSends === 0);
    expect(port.stats()).toMatchObject({ operations: 0, bytesQueued: 0 });
  });

  it("are ended by close, all of them, and nothing stays posted", async () => {
    await using scope = new Scope();
    const { port, client } = await unbuffered(scope);
    const { sending } = sends(client);
    await until(() => port.stats().postedSends > 1);
    const last = sending.at(-1)!;
    await Promise.all([client.close(), failure(last, "ECANCELED")]);
    for (const result of await Promise.allSettled(sending)) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "ECANCELED" });
    }
    await until(() => port.stats().postedSends === 0);
    expect(port.stats()).toMatchObject({ operations: 0, bytesQueued: 0 });
  });

  it("go on after the peer's FIN: everything arrives", async () => {
    await using scope = new Scope();
    const { port, client, server } = await unbuffered(scope);
    const { sending, bytes } = sends(client);
    await until(() => port.stats().postedSends > 1);
    const ended = client.recv();
    await server.shutdown();
    expect(await ended).toBeNull();
    expect(difference(await receive(server, bytes.length), bytes)).toBe("");
    expect(await Promise.all(sending)).toEqual(new Array(COUNT).fill(PIECE));
  });

  it("end with ECONNRESET when the peer resets", async () => {
    await using scope = new Scope();
    const { port, client, server } = await unbuffered(scope);
    const { sending } = sends(client);
    await until(() => port.stats().postedSends > 1);
    await server.reset();
    await failure(sending.at(-1)!, /^(ECONNRESET|EPIPE)$/);
    await Promise.allSettled(sending);
    await until(() => port.stats().postedSends === 0);
    expect(port.stats()).toMatchObject({ operations: 0, bytesQueued: 0 });
  });
});

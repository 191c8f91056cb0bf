// Makes calls fail in every way; prints for each its error's code and stack, as JSON. The calls' lines are marked with
// `//=` and the case's name, for the test to find them.
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { CompletionPort, connect, listen } from "../../dist/src/index.js";

const host = "127.0.0.1";
const much = new Uint8Array(8 * 1024 * 1024);
const narrow = { sendBufferSize: 65536, receiveBufferSize: 65536 };

// No question leaves the machine.
const lookup = (name, ...rest) => {
  if (name === "unknown.invalid")
    process.nextTick(rest.at(-1), Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));
};
Object.assign(dns, { lookup });
Object.assign(dns.promises, {
  lookup: (name) => new Promise((_, reject) => lookup(name, reject)),
});
syncBuiltinESMExports();

const listener = await listen({ host, ...narrow });
const { port } = listener.address;

async function pair() {
  const [server, client] = await Promise.all([listener.accept(), connect({ host, port, ...narrow })]);
  return { server, client };
}

/** A connection whose client has sent more than anybody takes. */
async function stalled() {
  const ends = await pair();
  ends.client.write(much);
  return ends;
}

const soon = (call) => setTimeout(call, 20);

async function wrapper(socket) {
  const chunk = await socket.recv(); //= wrapper, inside
  return chunk?.length;
}

async function outerWrapper(socket) {
  const length = await wrapper(socket); //= wrapper, between
  return length;
}

const cases = {
  async "connect, refused"() {
    const gone = await listen({ host });
    await gone.close();
    await connect({ host, port: gone.address.port }); //= connect, refused
  },
  async "connect, too late"() {
    await connect({ host: "slow.invalid", port, timeout: 20 }); //= connect, too late
  },
  async "connect, unknown name"() {
    await connect({ host: "unknown.invalid", port }); //= connect, unknown name
  },
  async "connect, aborted"() {
    const signal = AbortSignal.timeout(20);
    await connect({ host: "slow.invalid", port, signal }); //= connect, aborted
  },
  async "connect, with a wrong option"() {
    await connect({ host, prt: port }); //= connect, with a wrong option
  },
  async "listen, in use"() {
    await listen({ host, port }); //= listen, in use
  },
  async "listen, aborted"() {
    const signal = AbortSignal.timeout(20);
    await listen({ host: "slow.invalid", signal }); //= listen, aborted
  },
  async "listen, its completion port closed"() {
    const completionPort = new CompletionPort();
    soon(() => completionPort.close());
    await listen({ host: "slow.invalid", completionPort }); //= listen, its completion port closed
  },
  async "listen, unknown name"() {
    await listen({ host: "unknown.invalid" }); //= listen, unknown name
  },
  async "accept, cancelled"() {
    const own = await listen({ host });
    soon(() => own.close());
    await own.accept(); //= accept, cancelled
  },
  async "recv, reset"() {
    const { server, client } = await pair();
    soon(() => server.reset());
    await client.recv(); //= recv, reset
  },
  async "recv, aborted"() {
    const { client } = await pair();
    await client.recv({ signal: AbortSignal.timeout(20) }); //= recv, aborted
  },
  async "recv, refused"() {
    const { client } = await pair();
    await client.close();
    await client.recv(); //= recv, refused
  },
  async "recvInto, reset"() {
    const { server, client } = await pair();
    soon(() => server.reset());
    await client.recvInto(new Uint8Array(10)); //= recvInto, reset
  },
  async "recvInto, detached"() {
    const { server, client } = await pair();
    const buffer = new Uint8Array(10);
    soon(() => {
      structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
      server.write("x");
    });
    await client.recvInto(buffer); //= recvInto, detached
  },
  async "send, reset"() {
    const { server, client } = await pair();
    soon(() => server.reset());
    await client.send(much); //= send, reset
  },
  async "send, closed"() {
    const { client } = await pair();
    soon(() => client.close());
    await client.send(much); //= send, closed
  },
  async "send, refused"() {
    const { client } = await pair();
    client.end();
    await client.send("x"); //= send, refused
  },
  async "shutdown, closed"() {
    const { client } = await stalled();
    soon(() => client.close());
    await client.shutdown(); //= shutdown, closed
  },
  async "drained, closed"() {
    const { client } = await stalled();
    soon(() => client.close());
    await client.drained(); //= drained, closed
  },
  async "drained, reset"() {
    const { server, client } = await stalled();
    soon(() => server.reset());
    await client.drained(); //= drained, reset
  },
  async wrapper() {
    const { server, client } = await pair();
    soon(() => server.reset());
    await outerWrapper(client); //= wrapper
  },
  async "for await, a socket"() {
    const { server, client } = await pair();
    soon(() => server.reset());
    //= for await, a socket
    for await (const _ of client);
  },
  async "Promise.all"() {
    const { server, client } = await pair();
    soon(() => server.reset());
    await Promise.all([client.recv(), client.send(much)]); //= Promise.all
  },
  async "a handler that awaits"() {
    const { server, client } = await pair();
    const own = await listen({ host }, { open: (socket) => void onOpen(socket).catch(told) });
    let told;
    const failed = new Promise((resolve) => {
      told = resolve;
    });
    async function onOpen(socket) {
      soon(() => socket.close());
      await socket.send(much); //= a handler that awaits
    }
    const caller = await connect({ host, port: own.address.port, ...narrow });
    const error = await failed;
    await Promise.all([own.close(), caller.close(), server.close(), client.close()]);
    throw error;
  },
};

const results = {};
for (const [name, call] of Object.entries(cases)) {
  try {
    await call();
    results[name] = { code: "none", stack: "" };
  } catch (error) {
    results[name] = { code: error.code, stack: error.stack };
  }
}
process.stdout.write(JSON.stringify(results), () => process.exit());

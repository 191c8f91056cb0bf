// What a program does to the language itself, as its argument says, must not reach the engine: connections are made,
// used and lost as before. Says what went wrong, what was stolen and what was reported as uncaught.
import { CompletionPort, connect, listen } from "../../dist/src/index.js";

const { apply } = Reflect;
const { defineProperty } = Object;
const say = JSON.stringify;
const problems = [];
const put = (list, value) => defineProperty(list, list.length, { __proto__: null, value, enumerable: true });
const complain = (text) => put(problems, text);
process.on("uncaughtException", (error) => complain(String(error?.message)));

/** Whatever waits for an operation is told of its completion by the engine itself: nobody else may be put there. */
function stealFrom(list) {
  const isOfWaiting = Array.isArray(list) && list.some((entry) => typeof entry?.settle === "function");
  if (isOfWaiting) complain("the list of who waits was seen");
}
function spyOn(owner, names, look) {
  for (const name of names) {
    const original = owner[name];
    defineProperty(owner, name, {
      ...Object.getOwnPropertyDescriptor(owner, name),
      value(...args) {
        look(this);
        return apply(original, this, args);
      },
    });
  }
}

const ways = {
  "a code of every object": () => {
    Object.prototype.code = 1;
    Object.prototype.native = 1;
    return () => {
      delete Object.prototype.code;
      delete Object.prototype.native;
    };
  },
  "constants of every object": () => {
    const names = ["index", "generation", "rings", "received", "native", "syscall", "errno", "get"];
    for (const name of names) {
      defineProperty(Object.prototype, name, { __proto__: null, value: 1, configurable: true });
    }
    return () => {
      for (const name of names) delete Object.prototype[name];
    };
  },
  "elements of every list": () => {
    for (let index = 0; index < 300; index++) Array.prototype[index] = "inherited";
    return () => {
      for (let index = 0; index < 300; index++) delete Array.prototype[index];
    };
  },
  "setters of every list": () => {
    for (let index = 0; index < 300; index++) {
      defineProperty(Array.prototype, index, {
        configurable: true,
        set(value) {
          stealFrom(this);
          if (typeof this[0]?.write === "function") complain("the list of sockets was seen");
          defineProperty(this, index, { value, writable: true, enumerable: true, configurable: true });
        },
      });
    }
    return () => {
      for (let index = 0; index < 300; index++) delete Array.prototype[index];
    };
  },
  "another class of bytes": () => {
    defineProperty(Uint8Array, Symbol.species, { configurable: true, value: Float64Array });
    return () => delete Uint8Array[Symbol.species];
  },
  "a then() that does nothing": () => {
    const names = ["then", "finally"];
    const before = names.map((name) => Promise.prototype[name]);
    const patch = (name, method) => defineProperty(Promise.prototype, name, { value: method });
    for (const name of names) {
      patch(name, function nothing() {
        return this;
      });
    }
    return () => {
      for (let i = 0; i < names.length; i++) patch(names[i], before[i]);
    };
  },
  "a spying setPrototypeOf()": () => {
    spyOn(Object, ["setPrototypeOf"], () => complain("a list of the engine's was seen"));
    return () => {};
  },
  "spying methods": () => {
    const kept = [];
    const names = ["push", "pop", "shift", "slice", "concat", "map", "filter", Symbol.iterator];
    spyOn(Array.prototype, names, (list) => {
      // Seen while it is empty, perhaps: it is looked at again when something waits.
      if (Array.isArray(list) && kept.length < 1000) put(kept, list);
    });
    const lookAgain = setInterval(() => {
      for (let i = 0; i < kept.length; i++) stealFrom(kept[i]);
    }, 1);
    return () => clearInterval(lookAgain);
  },
  "spying sets": () => {
    const { forEach } = Set.prototype;
    spyOn(Set.prototype, [Symbol.iterator, "forEach", "add", "delete"], (set) => {
      apply(forEach, set, [
        (entry) => {
          if (typeof entry?.flush === "function") complain("the open rings were seen");
          if (typeof entry?.settle === "function") complain("a set of who waits was seen");
        },
      ]);
    });
    return () => {};
  },
};

const host = "127.0.0.1";
const way = ways[process.argv[2]];
const undo = way();
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));
const expectEqual = (is, should, what) => {
  if (is !== should) complain(`${what}: ${is}`);
};

const port = new CompletionPort();
const echo = await listen(
  { host: "localhost", family: 4, completionPort: port },
  { data: (socket, chunk) => socket.write(chunk) },
);
const listener = await listen({ host, completionPort: port });
const pushed = await connect(
  { host: "localhost", family: 4, port: echo.address.port, completionPort: port },
  {
    data: (_, chunk) => {
      answered += chunk.length;
      expectEqual(chunk.byteLength, chunk.length, "bytes of a chunk");
    },
  },
);
let answered = 0;
pushed.write("five.");
const accepting = listener.accept();
const socket = await connect({ host, port: listener.address.port, completionPort: port });
const peer = await accepting;
const receiving = peer.recv();
await pause();
await socket.send(["four", new Uint8Array(20_000)]);
let received = (await receiving).length;
while (received < 20_004) received += (await peer.recv()).length;
const posted = [];
port.on("posted", (value) => put(posted, value));
port.post("a value");
try {
  await connect({ host, port: 1, completionPort: port });
} catch ({ code }) {
  expectEqual(code, "ECONNREFUSED", "code of an error");
}
const cancelling = new AbortController();
const cancelled = peer.recv({ signal: cancelling.signal });
cancelling.abort("enough");
try {
  await cancelled;
} catch ({ name, code, syscall, native }) {
  expectEqual(
    `${name} ${code} ${syscall} ${native}`,
    `AbortError ECANCELED recv ${{}.native}`,
    "a cancelled receive",
  );
}
while (answered < 5 || posted.length === 0) await pause();
expectEqual(posted.length, 1, "posted values");
process.on("exit", () => undo());
process.on("exit", () => process.stdout.write(say(problems)));
process.exit(); // with the port open: what was written is handed over even now

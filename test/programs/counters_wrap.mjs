// Back-pressure in push style with the counters that both sides compare started where the argument says: they wrap
// meanwhile. Says for how many rounds, and how often news was still thought to be due when all had come.
import { addon } from "../../dist/src/native.js";
import { Rings } from "../../dist/src/rings.js";

const { Port } = addon;
let native;
addon.Port = function near(options, ...rest) {
  native = new Port({ ...options, countersStart: Number(process.argv[2]) }, ...rest);
  return native;
};
const seen = Rings.prototype.blockadeSeen;
let rings;
let blockades = 0;
Rings.prototype.blockadeSeen = function counting() {
  rings = this;
  blockades++;
  seen.call(this);
};
const { connect, listen } = await import("../../dist/src/index.js");

const host = "127.0.0.1";
const listener = await listen({ host });
const accepting = listener.accept();
const socket = await connect({ host, port: listener.address.port }, { drain() {} });
const peer = await accepting;
const piece = new Uint8Array(1000).fill(7);
let written = 0;
let received = 0;
let overdue = 0;
for (let round = 0; round < 4; round++) {
  // Small writes, until some wait.
  do {
    for (let i = 0; i < 50; i++) socket.write(piece);
    written += 50 * piece.length;
    await new Promise((resolve) => setImmediate(resolve));
  } while (socket.writableLength === 0);
  if (socket.writableLength > written) throw new Error(`${socket.writableLength} bytes wait of ${written}`);
  while (received < written) received += (await peer.recv()).length;
  if (!socket.write(piece)) throw new Error("still blocked when everything was taken");
  written += piece.length;
  received += (await peer.recv()).length;
  if (rings.blockadeNewsIsDue) overdue++;
}
const epoch = new Int32Array(native.memory().rings)[2] >>> 0;
await Promise.all([socket.close(), peer.close(), listener.close()]);
const moved = (epoch - Number(process.argv[2])) >>> 0;
process.stdout.write(
  JSON.stringify({ overdue, blocked: blockades >= 4, wrapped: moved > 4 && moved < 2 ** 24 }),
);

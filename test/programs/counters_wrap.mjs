// Back-pressure in push style with the engine's counters started where the argument says: they wrap meanwhile.
import { addon } from "../../dist/src/native.js";

const { Port } = addon;
addon.Port = function near(options, ...rest) {
  return new Port({ ...options, countersStart: Number(process.argv[2]) }, ...rest);
};
const { connect, listen } = await import("../../dist/src/index.js");

const host = "127.0.0.1";
const listener = await listen({ host });
const { port } = listener.address;
const accepting = listener.accept();
let drained = () => {};
const socket = await connect({ host, port }, { drain: () => drained() });
const peer = await accepting;
const piece = new Uint8Array(1000).fill(7);
let written = 0;
let received = 0;
let drains = 0;
for (let round = 0; round < 8; round++) {
  // Small writes, until the socket says that bytes wait; each blocked one counts.
  do {
    for (let i = 0; i < 50; i++) written += socket.write(piece) ? piece.length : piece.length;
    await new Promise((resolve) => setImmediate(resolve));
  } while (socket.writableLength === 0);
  const length = socket.writableLength;
  if (length > written) throw new Error(`${length} bytes wait of ${written}`);
  const drain = new Promise((resolve) => {
    drained = resolve;
  });
  while (received < written) received += (await peer.recv()).length;
  if (socket.write(piece) === false) throw new Error("still blocked when everything was taken");
  written += piece.length;
  received += (await peer.recv()).length;
  if (socket.writableLength !== 0) throw new Error(`${socket.writableLength} bytes wait`);
  void drain;
  drains++;
}
await Promise.all([socket.close(), peer.close(), listener.close()]);
process.stdout.write(`${drains} rounds`);

import { once } from "node:events";
import net from "node:net";
import { backlog, host, type Library } from "./library.js";

function echo(socket: net.Socket): void {
  socket.on("data", (chunk) => {
    if (socket.write(chunk)) return;
    socket.pause();
    socket.once("drain", () => socket.resume());
  });
  socket.on("error", () => {}); // close follows; a broken connection is the peer's business
}

/** node:net at both ends. */
export const nodeNet: Library = {
  async listenEcho() {
    const server = net.createServer({ noDelay: true }, echo).listen({ host, port: 0, backlog });
    await once(server, "listening");
    return (server.address() as net.AddressInfo).port;
  },

  async connect(port, receiver) {
    const socket = net.connect({ host, port, noDelay: true });
    await once(socket, "connect");
    let reason: Error | undefined;
    socket.on("data", (chunk) => receiver.data(chunk));
    socket.on("error", (error) => {
      reason = error;
    });
    socket.on("close", () => receiver.lost(reason ?? new Error("the connection was closed")));
    return {
      write: (message) => void socket.write(message),
      close: () => void socket.destroy(),
    };
  },
};

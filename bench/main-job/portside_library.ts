import {
  connect,
  type ListenHandlers,
  listen,
  type SocketHandlers,
  type TcpSocket,
} from "../../src/index.js";
import { backlog, host, type Library, type Receiver } from "./library.js";

/** An echo server that lets a peer wait which does not read what it gets back. */
export const echoHandlers: ListenHandlers = {
  data(socket, chunk) {
    if (!socket.write(chunk)) socket.pause();
  },
  drain(socket) {
    socket.resume();
  },
  error() {}, // close follows; a broken connection is the peer's business
};

function receiverOf(socket: TcpSocket): Receiver | undefined {
  return socket.data as Receiver | undefined;
}

const clientHandlers: SocketHandlers = {
  data(socket, chunk) {
    receiverOf(socket)?.data(chunk);
  },
  error(socket, error) {
    receiverOf(socket)?.lost(error);
    socket.data = undefined;
  },
  close(socket) {
    receiverOf(socket)?.lost(new Error("the connection was closed"));
    socket.data = undefined;
  },
};

/** Portside at both ends. */
export const portside: Library = {
  async listenEcho() {
    return (await listen({ host, port: 0, backlog }, echoHandlers)).address.port;
  },

  async connect(port, receiver) {
    const socket = await connect({ host, port }, clientHandlers);
    socket.data = receiver;
    if (socket.closed) receiver.lost(new Error("the connection was closed"));
    return {
      write: (message) => void socket.write(message),
      close: () => void socket.close(),
    };
  },
};

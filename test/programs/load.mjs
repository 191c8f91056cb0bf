// Full load for the programs beside this file: connections that play ping-pong as fast as they can, in push
// style, in pull style and with operation objects, on one port.
import { connect, listen } from "../../dist/src/index.js";

const host = "127.0.0.1";

/**
 * @param port the CompletionPort on which everything happens
 * @param connections how many of each style
 * @param onMessage called from within handlers and completions, with the style
 */
export async function startLoad(port, connections, onMessage) {
  const push = await listen(
    { host, completionPort: port },
    {
      data(socket, chunk) {
        socket.write(chunk);
        onMessage("push");
      },
      end() {},
    },
  );
  const pull = await listen({ host, completionPort: port });
  void serve(pull, onMessage);

  for (let index = 0; index < connections; index++) {
    const client = await connect(
      { host, port: push.address.port, completionPort: port },
      {
        data(socket, chunk) {
          socket.write(chunk);
        },
        end() {},
      },
    );
    client.write("a message of thirty-two bytes...");

    const caller = await connect({ host, port: pull.address.port, completionPort: port });
    void call(caller);

    const operated = await connect({ host, port: push.address.port, completionPort: port });
    const buffer = new Uint8Array(64);
    const sending = port.operation((error) => {
      if (!error) receiving.recv(operated, buffer);
    });
    const receiving = port.operation((error) => {
      onMessage("operation");
      if (!error) sending.send(operated, "ping");
    });
    sending.send(operated, "ping");

    // A send that never ends, and a timer that ends all the time.
    const stuck = await connect({ host, port: pull.address.port, completionPort: port });
    stuck.send(new Uint8Array(4 * 1024 * 1024)).catch(() => {});
    const timer = port.operation((error) => {
      if (!error) timer.timer(1);
    });
    timer.timer(1);
  }
}

async function serve(listener, onMessage) {
  let count = 0;
  for await (const socket of listener) {
    // Every second one is never read: see above.
    if (count++ % 2 === 0) void answer(socket, onMessage);
  }
}

async function answer(socket, onMessage) {
  for await (const chunk of socket) {
    onMessage("pull");
    await socket.send(chunk);
  }
}

async function call(socket) {
  for (;;) {
    await socket.send("pull me");
    if ((await socket.recv()) === null) return;
  }
}

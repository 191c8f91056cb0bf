// Opens ports until one cannot be opened, or as many as the argument says; echoes on the first; says how it went.
import { CompletionPort, connect, listen, PortsideError } from "../../dist/src/index.js";

const wanted = Number(process.argv[2]);
const ports = [];
let refused = "";
try {
  while (ports.length < wanted) ports.push(new CompletionPort());
} catch (error) {
  refused = error instanceof PortsideError ? error.code : `${error}`;
}
const opened = ports.length;
const last = ports.pop();
await Promise.all(ports.map((port) => port.close()));
const listener = await listen(
  { host: "127.0.0.1", completionPort: last },
  { data: (socket, chunk) => void socket.write(chunk) },
);
const socket = await connect({ host: "127.0.0.1", port: listener.address.port, completionPort: last });
await socket.send("hello");
const echo = Buffer.from(await socket.recv()).toString();
const posted = new Promise((resolve) => last.on("posted", resolve));
last.post("heard");
const heard = await posted;
await last.close();
process.stdout.write(JSON.stringify({ opened, refused, echo, heard }));

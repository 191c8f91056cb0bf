// In a network of its own where IPv6 is switched off and few port numbers are left: says what connect() and listen()
// answer.
import { connect, listen } from "../../dist/src/index.js";

const codeOf = (promise) =>
  promise.then(
    (its) => its.close().then(() => "done"),
    ({ code, message }) => `${code}: ${message}`,
  );

const listener = await listen({ host: "127.0.0.1" });
const { port } = listener.address;
const free = await listen({ host: "127.0.0.1" });
await free.close();
const localPort = free.address.port;

console.log(await codeOf(connect({ host: "::1", port })));
console.log(await codeOf(connect({ host: "::1", port, localPort })));
const standing = await connect({ host: "127.0.0.1", port, localPort });
console.log(await codeOf(connect({ host: "127.0.0.1", port, localPort })));
// All that are left.
const others = [];
for (let more = true; more; ) {
  await listen({ host: "127.0.0.1" }).then(
    (it) => others.push(it),
    (error) => {
      console.log(`${error.code}: ${error.message}`);
      more = false;
    },
  );
}
for (const it of [...others, standing, listener]) await it.close();

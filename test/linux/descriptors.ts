import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createRequire } from "node:module";
import type { TcpSocket } from "portside";

/** Levels and names of Linux's socket options. */
export const option = {
  keepAlive: [1, 9],
  keepIdle: [6, 4],
  keepInterval: [6, 5],
  keepCount: [6, 6],
  userTimeout: [6, 18],
  bindAddressNoPort: [0, 24],
} as const;

type GetOption = (descriptor: number, level: number, name: number, value: number[], size: number[]) => number;

let getOption: GetOption | undefined;

/** getsockopt(2) of a Portside socket. */
export function optionOf(socket: TcpSocket, [level, name]: readonly [number, number]): number {
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  getOption ??= koffi
    .load("libc.so.6")
    .func("int getsockopt(int, int, int, _Out_ int *, _Inout_ int *)") as unknown as GetOption;
  const value = [0];
  const result = getOption(descriptorOf(socket), level, name, value, [4]);
  if (result !== 0) throw new Error(`getsockopt(${level}, ${name}) failed`);
  return value[0] as number;
}

/** The descriptor of this process that has the socket's two TCP ports (proc(5), /proc/net/tcp). */
function descriptorOf(socket: TcpSocket): number {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");
  const [local, remote] = [hex(socket.localAddress!.port), hex(socket.remoteAddress!.port)];
  const line = new RegExp(
    `^ *\\d+: [0-9A-F]+:${local} [0-9A-F]+:${remote}(?: +[0-9A-F:]+){4} +\\d+ +\\d+ +(\\d+)`,
    "m",
  );
  const inode = line.exec(readFileSync("/proc/self/net/tcp", "latin1"))?.[1];
  for (const name of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`) === `socket:[${inode}]`) return Number(name);
    } catch {
      // closed meanwhile
    }
  }
  throw new Error("no descriptor has this socket");
}

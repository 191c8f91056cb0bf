import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { ClientCommands, ServerCommands } from "./child.js";
import { ControlServer, type Remote } from "./control.js";
import type { LibraryName } from "./libraries.js";

/** Milliseconds that a process gets to end once it has been told to. */
const patience = 10_000;

const child = fileURLToPath(new URL("child.js", import.meta.url));

/** A fresh server process and a fresh client process that knows its port. */
export interface Pair {
  server: Remote<ServerCommands>;
  client: Remote<ClientCommands>;
}

/** Starts and ends the processes of the main job. */
export class Pairs {
  readonly #control = new ControlServer();
  #controlPort = 0;
  #started = 0;

  async open(): Promise<void> {
    this.#controlPort = await this.#control.listen();
  }

  close(): void {
    this.#control.close();
  }

  /** Starts a pair, lets it work and ends it. */
  async with<T>(library: LibraryName, work: (pair: Pair) => Promise<T>): Promise<T> {
    const [serverProcess, serverReport] = this.#start<ServerCommands>("server", library);
    const [clientProcess, clientReport] = this.#start<ClientCommands>("client", library);
    const [server, client] = await Promise.all([serverReport, clientReport]);
    const pair = { server, client };
    try {
      await client.call("connectTo", await server.call("listen"));
      return await work(pair);
    } finally {
      client.close();
      server.close();
      await Promise.all([serverProcess, clientProcess].map(exitOf));
    }
  }

  #start<Commands extends ServerCommands | ClientCommands>(
    role: "server" | "client",
    library: LibraryName,
  ): [ChildProcess, Promise<Remote<Commands>>] {
    const number = ++this.#started;
    const report = this.#control.expect<Commands>(number);
    const args = ["--expose-gc", child, role, library, String(this.#controlPort), String(number)];
    const started = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
    const failed = once(started, "exit").then(([code]) => {
      throw new Error(`The ${library} ${role} process ended with ${String(code)} before it could report.`);
    });
    return [started, Promise.race([report, failed])];
  }
}

/** Resolves when the process has ended; one that does not is killed, and that is an error. */
async function exitOf(running: ChildProcess): Promise<void> {
  if (running.exitCode !== null || running.signalCode !== null) return;
  const kill = setTimeout(() => running.kill("SIGKILL"), patience);
  const [, signal] = await once(running, "exit");
  clearTimeout(kill);
  if (signal === "SIGKILL") throw new Error(`A process of the main job (${running.pid}) would not end.`);
}

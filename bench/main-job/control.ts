// How the main job speaks to its processes: JSON lines over a loopback connection, because neither pipes to
// standard input nor Node's IPC channel work everywhere that the main job has to.
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";
import { host } from "./library.js";

/** The commands that one end offers the other. */
type Commands = Record<string, (...args: never[]) => Promise<unknown>>;

interface Call {
  id: number;
  command: string;
  args: unknown[];
}

interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

/** The caller's end of a control connection; `Offered` are the commands of the other end. */
export class Remote<Offered extends Commands> {
  readonly #socket: net.Socket;
  readonly #pending = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #calls = 0;
  #ended = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  call<Name extends keyof Offered & string>(
    command: Name,
    ...args: Parameters<Offered[Name]>
  ): ReturnType<Offered[Name]> {
    const answer = new Promise((resolve, reject) => {
      if (this.#ended) return reject(new Error("A process of the main job ended too early."));
      const id = ++this.#calls;
      this.#pending.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ id, command, args } satisfies Call)}\n`);
    });
    return answer as ReturnType<Offered[Name]>;
  }

  /** Takes what the other end sent. */
  answered({ id, result, error }: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new Error(error));
  }

  /** No answer will come any more. */
  end(): void {
    this.#ended = true;
    for (const { reject } of this.#pending.values()) {
      reject(new Error("A process of the main job ended too early."));
    }
    this.#pending.clear();
  }

  /** Ends the other process. */
  close(): void {
    this.#socket.destroy();
  }
}

/** Where the processes report: each says its number first, then obeys. */
export class ControlServer {
  readonly #server = net.createServer({ noDelay: true }, (socket) => this.#welcome(socket));
  readonly #expected = new Map<number, (remote: Remote<Commands>) => void>();
  readonly #remotes = new Set<Remote<Commands>>();

  async listen(): Promise<number> {
    this.#server.listen({ host, port: 0 });
    await once(this.#server, "listening");
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Resolves when the process with that number has reported. */
  expect<Offered extends Commands>(number: number): Promise<Remote<Offered>> {
    return new Promise((resolve) => {
      this.#expected.set(number, (remote) => resolve(remote as unknown as Remote<Offered>));
    });
  }

  /** No more processes are expected; those that are still there end. */
  close(): void {
    this.#server.close();
    for (const remote of this.#remotes) remote.close();
  }

  #welcome(socket: net.Socket): void {
    const remote = new Remote<Commands>(socket);
    this.#remotes.add(remote);
    const lines = createInterface({ input: socket });
    lines.once("line", (hello) => {
      lines.on("line", (line) => remote.answered(JSON.parse(line) as Answer));
      this.#expected.get(Number(hello))?.(remote);
    });
    socket.on("error", () => {}); // close follows
    socket.on("close", () => {
      this.#remotes.delete(remote);
      remote.end();
    });
  }
}

/** The other end: reports as `number` and obeys until the main job goes away. */
export async function obey(port: number, number: number, commands: Commands): Promise<void> {
  const socket = net.connect({ host, port, noDelay: true });
  socket.on("error", () => {}); // the main job is gone; the lines end
  socket.write(`${number}\n`);
  for await (const line of createInterface({ input: socket })) {
    const { id, command, args } = JSON.parse(line) as Call;
    const answer: Answer = { id };
    try {
      answer.result = await commands[command]?.(...(args as never[]));
    } catch (error) {
      answer.error = error instanceof Error ? error.message : String(error);
    }
    socket.write(`${JSON.stringify(answer)}\n`);
  }
}

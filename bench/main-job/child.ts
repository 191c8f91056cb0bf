// A process of the main job:
//
//   node --expose-gc child.js <server|client> <library> <control port> <number>
import process from "node:process";
import { TimerLateness } from "../timer_lateness.js";
import { EchoClient, type RoundTrips } from "./client.js";
import { obey } from "./control.js";
import { type LibraryName, libraries } from "./libraries.js";
import { type IdleUsage, idleUsage } from "./server.js";

/** What a server process obeys. */
export type ServerCommands = {
  listen(): Promise<number>;
  idleUsage(milliseconds: number): Promise<IdleUsage>;
  startTimer(): Promise<void>;
  /** The lateness of a 5 ms timer since then, in milliseconds: p99. */
  stopTimer(): Promise<number>;
};

/** What a client process obeys; `connectTo` comes first. */
export type ClientCommands = {
  connectTo(port: number): Promise<void>;
  open(count: number): Promise<{ milliseconds: number; failures: number }>;
  roundTrips(connections: number, seconds: number): Promise<RoundTrips>;
};

const [role, name, controlPort, number] = process.argv.slice(2);
const library = libraries[name as LibraryName];

const lateness = new TimerLateness(5);

const server: ServerCommands = {
  listen: () => library.listenEcho(),
  idleUsage,
  startTimer: async () => lateness.start(),
  stopTimer: async () => lateness.stop()[1],
};

let echoClient: EchoClient | undefined;

const client: ClientCommands = {
  async connectTo(port) {
    echoClient = new EchoClient(library, port);
  },
  open: async (count) => echoClient!.open(count),
  roundTrips: async (connections, seconds) => echoClient!.roundTrips(connections, seconds),
};

process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; the main job says when we end
await obey(Number(controlPort), Number(number), role === "server" ? server : client);
process.exit(0);

import { Load, type Peer, Server } from "../processes.js";

export const timerPeers: readonly Peer[] = ["handlers", "promises", "net"];

/** Lateness of a 5 ms timer in milliseconds: one round of one peer. */
export interface TimerSample {
  p50: number;
  p99: number;
  max: number;
}

/** A chain of 5 ms timers in a server that is as busy as 1000 connections can make it. */
export async function measureTimer(peer: Peer, seconds: number): Promise<TimerSample> {
  const server = await Server.start(peer);
  const load = new Load(server.port, { mode: "echo", connections: 1000, bytes: 64, seconds });
  try {
    await load.ready();
    await server.startTimer();
    await load.run();
    return await server.stopTimer();
  } finally {
    await load.stop();
    await server.stop();
  }
}

import { type Peer, withEarlier } from "./processes.js";
import type { Progress } from "./progress.js";
import { type IdleSample, idlePeers, measureIdle } from "./scenarios/idle.js";
import { measureTimer, type TimerSample, timerPeers } from "./scenarios/timer.js";
import { measureTraffic, type TrafficSample, trafficPeers, trafficScenarios } from "./scenarios/traffic.js";
import { rotated } from "./statistics.js";

/** Every round of every peer, in the order of the rounds. */
export type Samples<Sample> = Map<Peer, Sample[]>;

/** Everything that was measured. What was not chosen is missing. */
export interface Measurements {
  traffic: Map<string, Samples<TrafficSample>>;
  idle: Samples<IdleSample>;
  timer: Samples<TimerSample>;
}

export interface RunOptions {
  rounds: number;
  /** Seconds of each measurement of traffic. */
  seconds: number;
  /** Only the scenarios whose name matches. */
  only: RegExp;
}

/** One scenario: measures a peer once and keeps the sample. */
interface Plan {
  name: string;
  peers: readonly Peer[];
  rounds: number;
  measure(peer: Peer): Promise<void>;
}

function plan<Sample>(
  name: string,
  peers: readonly Peer[],
  rounds: number,
  samples: Samples<Sample>,
  take: (peer: Peer) => Promise<Sample>,
): Plan {
  const measure = async (peer: Peer) => {
    const sample = await take(peer);
    samples.set(peer, [...(samples.get(peer) ?? []), sample]);
  };
  return { name, peers: withEarlier(peers), rounds, measure };
}

/** What a run consists of, and where its results will be. */
export function planRun({ rounds, seconds, only }: RunOptions): {
  plans: Plan[];
  measurements: Measurements;
} {
  const measurements: Measurements = { traffic: new Map(), idle: new Map(), timer: new Map() };
  const { idle, timer } = measurements;
  const traffic = trafficScenarios.map((scenario) => {
    const samples: Samples<TrafficSample> = new Map();
    measurements.traffic.set(scenario.name, samples);
    return plan(scenario.name, trafficPeers, rounds, samples, (peer) =>
      measureTraffic(peer, scenario, seconds),
    );
  });
  const plans = [
    ...traffic,
    plan("timer", timerPeers, rounds, timer, (peer) => measureTimer(peer, seconds)),
    plan("idle", idlePeers, 1, idle, measureIdle), // memory hardly varies, and 19 000 connections take long
  ].filter(({ name }) => only.test(name));
  return { plans, measurements };
}

export function countSteps(plans: readonly Plan[]): number {
  return plans.reduce((sum, { peers, rounds }) => sum + peers.length * rounds, 0);
}

/** Messages that did not come back as they were sent. */
export function countFailures({ traffic }: Measurements): number {
  const samples = [...traffic.values()].flatMap((peers) => [...peers.values()].flat());
  return samples.reduce((sum, { failures }) => sum + failures, 0);
}

/** Interleaves the peers: a machine that is slower for a while is slower for all of them. */
export async function runPlans(plans: readonly Plan[], progress: Progress): Promise<void> {
  for (const { name, peers, rounds, measure } of plans) {
    for (let round = 0; round < rounds; round++) {
      for (const peer of rotated(peers, round)) await progress.step(`${name}: ${peer}`, () => measure(peer));
    }
  }
}

import { earlier, type Peer } from "./processes.js";
import type { Measurements, Samples } from "./rounds.js";
import { idleConnections } from "./scenarios/idle.js";
import { type TrafficSample, trafficScenarios } from "./scenarios/traffic.js";
import { median, medianRatio } from "./statistics.js";
import { judge } from "./targets.js";

/** A table, however it is going to be shown. */
export interface Section {
  title: string;
  head: string[];
  rows: string[][];
}

const labels: Record<Peer, string> = {
  floor: "C epoll (floor)",
  handlers: "handlers",
  "handlers, before": "handlers, before",
  borrow: "handlers, borrow",
  "borrow, before": "handlers, borrow, before",
  promises: "promises",
  "promises, before": "promises, before",
  net: "node:net",
};

/** The median of one figure of the samples. */
function middle<Key extends string>(samples: readonly Record<Key, number>[], key: Key): number {
  return median(samples.map((sample) => sample[key]));
}

function fixed(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

function trafficRow(peer: Peer, samples: TrafficSample[], all: Samples<TrafficSample>): string[] {
  const cpu = samples.map((sample) => sample.cpu);
  const ratioTo = (other: Peer) =>
    medianRatio(
      cpu,
      (all.get(other) ?? []).map((sample) => sample.cpu),
    );
  return [
    labels[peer],
    fixed(median(cpu), 2),
    fixed(ratioTo("floor"), 2),
    fixed(ratioTo("net"), 2),
    fixed(middle(samples, "throughput"), 0),
    fixed(middle(samples, "p50"), 0),
    fixed(middle(samples, "p99"), 0),
    fixed(middle(samples, "p999"), 0),
    `${fixed(middle(samples, "saturation") * 100, 0)} %`,
    String(samples.reduce((sum, { failures }) => sum + failures, 0)),
  ];
}

const trafficHead = [
  "server",
  "CPU µs/op",
  "to floor",
  "to node:net",
  "op/s",
  "p50 µs",
  "p99 µs",
  "p999 µs",
  "load busy",
  "failures",
];

function trafficSections({ traffic }: Measurements): Section[] {
  return trafficScenarios.flatMap(({ name, title }) => {
    const all = traffic.get(name);
    if (!all?.size) return [];
    const rows = [...all].map(([peer, samples]) => trafficRow(peer, samples, all));
    return [{ title, head: trafficHead, rows: sortRows(rows) }];
  });
}

/** Rotation lets the last round's first peer come first; tables keep one order. */
function sortRows(rows: string[][]): string[][] {
  const order = Object.values(labels);
  return rows.toSorted((left, right) => order.indexOf(left[0]!) - order.indexOf(right[0]!));
}

/** What a style costs now, as a multiple of what it costs in the other checkout. */
function beforeSection({ traffic }: Measurements): Section[] {
  const rows = trafficScenarios.flatMap(({ name, title }) => {
    const cpuOf = (peer: Peer) => (traffic.get(name)?.get(peer) ?? []).map(({ cpu }) => cpu);
    return Object.entries(earlier)
      .map(([now, before]) => [labels[now as Peer], medianRatio(cpuOf(now as Peer), cpuOf(before))] as const)
      .filter(([, ratio]) => Number.isFinite(ratio))
      .map(([label, ratio]) => [title, label, fixed(ratio, 2)]);
  });
  return rows.length > 0
    ? [{ title: "CPU per operation, to before", head: ["load", "server", "ratio"], rows }]
    : [];
}

function timerSection({ timer }: Measurements): Section[] {
  if (timer.size === 0) return [];
  const rows = [...timer].map(([peer, samples]) => [
    labels[peer],
    fixed(middle(samples, "p50"), 2),
    fixed(middle(samples, "p99"), 2),
    fixed(Math.max(...samples.map(({ max }) => max)), 2),
  ]);
  const title = "lateness of a 5 ms timer, 1000 busy connections";
  return [{ title, head: ["server", "p50 ms", "p99 ms", "max ms"], rows: sortRows(rows) }];
}

function idleSection({ idle }: Measurements): Section[] {
  if (idle.size === 0) return [];
  const rows = [...idle].map(([peer, samples]) => [
    labels[peer],
    fixed(middle(samples, "connections"), 0),
    fixed(middle(samples, "memory"), 0),
    fixed(middle(samples, "cpu"), 1),
  ]);
  const title = `${idleConnections()} idle connections, each echoed once`;
  return [{ title, head: ["server", "connections", "bytes each", "CPU %"], rows: sortRows(rows) }];
}

function targetSection(measurements: Measurements): Section {
  const measured = judge(measurements).filter(({ met }) => met !== undefined);
  const rows = measured.map((entry) => [
    entry.what,
    entry.target,
    entry.measured,
    entry.met ? "met" : "missed",
  ]);
  return { title: "targets", head: ["what", "target", "measured", ""], rows };
}

/** Every table of the run: medians over the rounds; ratios are medians of the rounds' own ratios. */
export function sections(measurements: Measurements): Section[] {
  return [
    ...trafficSections(measurements),
    ...beforeSection(measurements),
    ...timerSection(measurements),
    ...idleSection(measurements),
    targetSection(measurements),
  ];
}

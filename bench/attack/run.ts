// npm run attack: hostile programs beside honest connections, round by round, each in a process of its own.
import { Command, InvalidArgumentError, Option } from "commander";
import { Random } from "../stress/random.js";
import { type Environment, judge, type Verdict } from "./judge.js";
import { type RoundName, roundKinds } from "./rounds.js";

interface Options {
  seconds: number;
  seed: number;
  waker: "loop" | "thread" | "both";
  round?: RoundName;
  plain?: boolean;
}

function positive(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError("It must be a whole number, 1 to 999999999.");
  return Number(text);
}

function parse(): Options {
  return new Command("npm run attack --")
    .description("Attacks the engine at random, and checks that no honest connection notices.")
    .option("--seconds <number>", "how long it takes", positive, 60)
    .option(
      "--seed <number>",
      "the choices of an earlier run",
      positive,
      1 + Math.floor(Math.random() * 999_999_999),
    )
    .addOption(
      new Option("--waker <name>", "which waker").choices(["loop", "thread", "both"]).default("both"),
    )
    .addOption(new Option("--round <name>", "rounds of this kind only").choices(Object.keys(roundKinds)))
    .option("--plain", "without sanitizers")
    .parse()
    .opts<Options>();
}

const { seconds, seed, waker, round, plain } = parse();
console.log(`--seed ${seed} --waker ${waker}`);

/** What a run comes to. */
export interface Sum {
  rounds: number;
  /** Rounds in which something was wrong. */
  broken: number;
}

/** Runs rounds until the time is over. */
export async function attack(environment: Environment): Promise<Sum> {
  const wakers = waker === "both" ? (["loop", "thread"] as const) : [waker];
  const names = round ? [round] : (Object.keys(roundKinds) as RoundName[]);
  const random = new Random(seed);
  const total: Verdict = { faults: [], counts: {}, bytes: 0, victims: 0, reports: 0 };
  const end = performance.now() + seconds * 1000;
  const sum: Sum = { rounds: 0, broken: 0 };
  for (; sum.rounds < 1 || performance.now() < end; sum.rounds++) {
    const name = names[sum.rounds % names.length] as RoundName;
    const options = { name, seed: random.integer(1, 999_999_999), seconds: roundKinds[name].seconds };
    const chosen = wakers[sum.rounds % wakers.length] as string;
    const verdict = await judge(options, { ...environment, PORTSIDE_WAKER: chosen });
    add(total, verdict);
    if (verdict.faults.length === 0) continue;
    sum.broken++;
    console.error(`\nRound ${sum.rounds} (${name}, ${chosen}, its seed ${options.seed}):`);
    for (const fault of verdict.faults) console.error(`  ${fault.replaceAll("\n", "\n  ")}`);
  }
  tell(total, sum);
  return sum;
}

function add(total: Verdict, verdict: Verdict): void {
  total.bytes += verdict.bytes;
  total.victims += verdict.victims;
  total.reports += verdict.reports;
  for (const [what, count] of Object.entries(verdict.counts))
    total.counts[what] = (total.counts[what] ?? 0) + count;
}

function tell({ counts, victims, bytes, reports }: Verdict, { rounds, broken }: Sum): void {
  for (const [what, count] of Object.entries(counts).sort())
    console.log(`${String(count).padStart(10)}  ${what}`);
  console.log(
    `${rounds} rounds; ${victims} honest connections got ${(bytes / 1e6).toFixed(1)} MB back, as sent.`,
  );
  if (!plain) console.log(`${reports} sanitizer report(s)`);
  console.log(broken === 0 ? "Nothing broke." : `${broken} rounds broke.`);
}

// npm run attack: hostile programs beside honest connections, round by round, each in a process of its own.
import { Command, InvalidArgumentError, Option } from "commander";
import { Random } from "../stress/random.js";
import { type Environment, judge } from "./judge.js";
import { type RoundName, roundKinds } from "./rounds.js";

interface Options {
  seconds: number;
  seed: number;
  waker: "loop" | "thread" | "both";
  round?: RoundName;
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

const { seconds, seed, waker, round } = parse();
console.log(`--seed ${seed} --waker ${waker}`);

/** Runs rounds until the time is over; gives the number of those in which something was wrong. */
export async function attack(environment: Environment): Promise<number> {
  const wakers = waker === "both" ? (["loop", "thread"] as const) : [waker];
  const names = round ? [round] : (Object.keys(roundKinds) as RoundName[]);
  const random = new Random(seed);
  const counts: Record<string, number> = {};
  const end = performance.now() + seconds * 1000;
  let bytes = 0;
  let victims = 0;
  let failed = 0;
  let rounds = 0;
  for (; rounds < 1 || performance.now() < end; rounds++) {
    const name = names[rounds % names.length] as RoundName;
    const options = { name, seed: random.integer(1, 999_999_999), seconds: roundKinds[name].seconds };
    const chosen = wakers[rounds % wakers.length] as string;
    const verdict = await judge(options, { ...environment, PORTSIDE_WAKER: chosen });
    bytes += verdict.bytes;
    victims += verdict.victims;
    for (const [what, count] of Object.entries(verdict.counts)) counts[what] = (counts[what] ?? 0) + count;
    if (verdict.faults.length === 0) continue;
    failed++;
    console.error(`\nRound ${rounds} (${name}, ${chosen}, its seed ${options.seed}):`);
    for (const fault of verdict.faults) console.error(`  ${fault.replaceAll("\n", "\n  ")}`);
  }
  for (const [what, count] of Object.entries(counts).sort())
    console.log(`${String(count).padStart(10)}  ${what}`);
  console.log(
    `${rounds} rounds; ${victims} honest connections got ${(bytes / 1e6).toFixed(1)} MB back, as sent.`,
  );
  console.log(failed === 0 ? "Nothing broke." : `${failed} rounds broke.`);
  return failed;
}

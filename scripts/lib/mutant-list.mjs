/**
 * The mutants of test/mutants/: each a small patch that makes the code wrong, and the tests that can tell.
 *
 *     # What it does wrong, in a sentence.
 *     # kills: test/conformance/order.test.ts -t "was cancelled"
 *     # wakers: loop
 *     --- native/streams
 *      a line that stays
 *     -a line that goes
 *     +a line that comes
 *
 * It has no line numbers, so that it survives what is changed around it: the lines that stay and go must be found once,
 * whole but for their indentation, in the file that is named, or in the files of a folder.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { root } from "./paths.mjs";

export const mutantFolder = "test/mutants";

/**
 * @typedef {object} Hunk
 * @property {string} place the file, or the folder, whose text it changes
 * @property {{ sign: " " | "-" | "+", text: string }[]} lines
 *
 * @typedef {object} Mutant
 * @property {string} name
 * @property {string} says what it does wrong
 * @property {{ file: string, test?: string }[]} kills tests that can tell, the likeliest first
 * @property {string[]} wakers those that these tests are run with
 * @property {string} [equivalent] why nobody can observe it
 * @property {Hunk[]} hunks
 */

/** All mutants, sorted by the places they change: one build after the other has little to compile. */
export function readMutants() {
  const files = readdirSync(join(root, mutantFolder)).filter((file) => file.endsWith(".patch"));
  const mutants = files.map((file) => parse(file, readFileSync(join(root, mutantFolder, file), "utf8")));
  const key = ({ name, hunks }) => `${hunks[0].place} ${name}`;
  return mutants.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** @returns {Mutant} */
function parse(file, text) {
  const mutant = { name: file.replace(/\.patch$/, ""), says: "", kills: [], wakers: [], hunks: [] };
  const wrong = (what) => new Failure(`${mutantFolder}/${file}: ${what}.`);
  for (const line of text.replace(/\n$/, "").split("\n")) {
    if (line.startsWith("--- ")) mutant.hunks.push({ place: line.slice(4).trim(), lines: [] });
    else if (mutant.hunks.length > 0) addLine(mutant.hunks.at(-1), line, wrong);
    else addHeader(mutant, line, wrong);
  }
  mutant.says = mutant.says.trim();
  if (mutant.says === "") throw wrong("it does not say what it does wrong");
  if (mutant.hunks.length === 0) throw wrong('no line "--- <file or folder>" says what it changes');
  if (mutant.wakers.length === 0) mutant.wakers = ["loop", "thread"];
  return mutant;
}

function addHeader(mutant, line, wrong) {
  const [, name, value] = /^# (?:(kills|wakers|equivalent): )?(.*)$/.exec(line) ?? [];
  if (value === undefined) throw wrong(`it is not understood: "${line}"`);
  if (name === "kills") {
    const [, file, test] = /^(\S+)(?: -t "(.*)")?$/.exec(value) ?? [];
    if (file === undefined || !existsSync(join(root, file)))
      throw wrong(`no test file, nor one with -t "a test of it": "${value}"`);
    mutant.kills.push({ file, test });
  } else if (name === "wakers") mutant.wakers = value.split(/,? +/);
  else if (name === "equivalent") mutant.equivalent = value;
  else if (mutant.equivalent !== undefined) mutant.equivalent += ` ${value}`;
  else mutant.says += `${value} `;
}

function addLine(hunk, line, wrong) {
  const sign = line === "" ? " " : line[0];
  if (!" +-".includes(sign)) throw wrong(`a line of a patch begins with a space, + or -: "${line}"`);
  hunk.lines.push({ sign, text: line.slice(1) });
}

/**
 * The files that a mutant changes, and what they become: `[path, text]`, the paths relative to `folder`. Throws a
 * Failure where a place is not found, or is not the only one.
 */
export function applied(/** @type {Mutant} */ mutant, folder) {
  const texts = new Map();
  const read = (path) => texts.get(path) ?? readFileSync(join(folder, path), "utf8");
  for (const hunk of mutant.hunks) {
    const found = filesOf(folder, hunk.place).flatMap((path) =>
      placesOf(hunk, read(path).split("\n")).map((at) => ({ path, at })),
    );
    if (found.length !== 1) {
      const where = found.map(({ path, at }) => `${path}:${at + 1}`).join(", ");
      throw new Failure(
        `${mutant.name} does not apply: in ${hunk.place} its lines are found ${found.length} times${where && ` (${where})`}.`,
      );
    }
    const [{ path, at }] = found;
    texts.set(path, changed(hunk, read(path).split("\n"), at));
  }
  return [...texts];
}

function filesOf(folder, place) {
  const stat = statSync(join(folder, place), { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [place];
  return readdirSync(join(folder, place))
    .map((name) => `${place}/${name}`)
    .filter((path) => statSync(join(folder, path)).isFile());
}

function placesOf({ lines }, text) {
  const wanted = lines.filter(({ sign }) => sign !== "+").map((line) => line.text.trim());
  const trimmed = text.map((line) => line.trim());
  return trimmed.flatMap((_, at) => (wanted.every((line, i) => trimmed[at + i] === line) ? [at] : []));
}

function changed({ lines }, text, at) {
  const before = lines.filter(({ sign }) => sign !== "+").length;
  const after = lines.filter(({ sign }) => sign !== "-").map((line) => line.text);
  return [...text.slice(0, at), ...after, ...text.slice(at + before)].join("\n");
}

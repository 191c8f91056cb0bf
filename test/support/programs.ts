import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface ProgramResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly args?: readonly string[];
  /** Set in addition to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Node's own options, such as --expose-gc. */
  readonly nodeArgs?: readonly string[];
  /** A command put in front of node, such as one that lowers a limit; its last words are node's. */
  readonly launcher?: readonly string[];
  /** Milliseconds after which the program is killed and the promise rejects. Default: 3/4 of a test's time. */
  readonly timeout?: number;
}

const testTimeout = Number(process.env.PORTSIDE_TEST_TIMEOUT ?? 20_000);

/**
 * Runs test/programs/<name> with this node and waits for its end. Output goes to files, and there is neither
 * standard input nor an IPC channel: those are pipes, which do not work for a child of node.exe under Wine.
 */
export async function run(name: string, options: ProgramOptions = {}): Promise<ProgramResult> {
  const program = fileURLToPath(new URL(`../programs/${name}`, import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "portside-test-"));
  const outputs = [join(folder, "stdout.txt"), join(folder, "stderr.txt")] as const;
  const files = outputs.map((path) => openSync(path, "w"));
  const read = (index: 0 | 1) => readFileSync(outputs[index], "utf8");
  try {
    const command = [
      ...(options.launcher ?? []),
      process.execPath,
      ...(options.nodeArgs ?? []),
      program,
      ...(options.args ?? []),
    ];
    const child = spawn(command[0]!, command.slice(1), {
      env: { ...process.env, ...options.env },
      stdio: ["ignore", files[0]!, files[1]!],
    });
    let late = false;
    const killer = setTimeout(
      () => {
        late = true;
        child.kill("SIGKILL");
      },
      options.timeout ?? testTimeout * 0.75,
    );
    const end = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
      (resolve, reject) => {
        child.on("error", reject);
        child.on("exit", (code, signal) => resolve({ code, signal }));
      },
    ).finally(() => clearTimeout(killer));
    const result = { ...end, stdout: read(0), stderr: read(1) };
    if (late) throw new Error(`${name} did not end by itself\n${result.stdout}\n${result.stderr}`);
    return result;
  } finally {
    for (const file of files) closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}

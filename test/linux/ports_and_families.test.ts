// What only a network of its own can show: IPv6 that is switched off, and port numbers that run out.
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { run } from "../support/programs.js";

const settings = [
  "ip link set lo up",
  "sysctl -qw net.ipv6.conf.all.disable_ipv6=1",
  "sysctl -qw net.ipv4.ip_local_port_range='50000 50007'",
].join(" && ");
const launcher = ["unshare", "-rn", "sh", "-c", `${settings} && exec "$@"`, "sh"];
const possible =
  process.platform === "linux" && spawnSync(launcher[0]!, [...launcher.slice(1), "true"]).status === 0;

it.skipIf(!possible)(
  "a local port is in use only where it is, and none of port 0 (this needs unshare)",
  async () => {
    const { stdout, stderr } = await run("without_ipv6.mjs", { launcher });
    const said = stdout.trim().split("\n");
    expect(
      said.map((line) => line.split(":")[0]),
      stderr,
    ).toEqual(["EADDRNOTAVAIL", "EADDRNOTAVAIL", "EADDRINUSE", "EADDRINUSE"]);
    expect(said[3]).toContain("no port number is free");
  },
);

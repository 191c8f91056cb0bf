import { describe, expect, it } from "vitest";
import { run } from "../support/programs.js";

// The addon is out of an ordinary program's reach; whoever gets hold of it all the same harms nobody but himself.
describe.concurrent("the addon itself comes through", () => {
  it.each([
    "tokens that are out of range, zero or in use",
    "a token in use, or none, for a connect",
    "submissions that make no sense",
    "arguments of every kind",
    "a constructor's arguments of every kind",
    "a batch of any size",
    "calls on a closed port",
    "getters that close the port, submit or turn while options are read",
    "getters that throw",
    "a receiver that is no port",
    "functions that call back",
    "the rings' and the receive space's memory, taken away",
    "memory of a program's own as the receive space",
    "more bytes, or pieces, than one send takes",
  ])("%s", async (attack) => {
    const result = await run("native_door.mjs", { args: [attack], nodeArgs: ["--expose-gc"] });
    expect(result).toEqual({ code: 0, signal: null, stdout: "unharmed", stderr: "" });
  });
});

import type { NativeAddress } from "./native.js";
import type { Outcome } from "./pending.js";

/** How a completion tells an end of a connection that has closed: the same as in native/engine/address.h. */
const enum Form {
  unknown,
  ipv4,
  mapped,
  elsewhere,
}

type Asked = (remote: boolean) => NativeAddress | undefined;

/**
 * Where the ends of a closed connection were, in a few numbers: most programs never ask, and then no text was made. An
 * address that does not fit them is asked for while the engine still knows it.
 */
export class Ends {
  readonly #remote: number | NativeAddress | undefined;
  readonly #remoteWord: number;
  readonly #local: number | NativeAddress | undefined;
  readonly #localWord: number;

  constructor(closed: Outcome, ask: Asked) {
    this.#remoteWord = closed.error;
    this.#remote = formOf(closed.error) === Form.elsewhere ? ask(true) : closed.result;
    this.#localWord = closed.offset;
    this.#local = formOf(closed.offset) === Form.elsewhere ? ask(false) : closed.native;
  }

  get remote(): NativeAddress | undefined {
    return addressOf(this.#remote, this.#remoteWord);
  }

  get local(): NativeAddress | undefined {
    return addressOf(this.#local, this.#localWord);
  }
}

function formOf(word: number): Form {
  return (word >>> 16) as Form;
}

function addressOf(kept: number | NativeAddress | undefined, word: number): NativeAddress | undefined {
  if (typeof kept !== "number") return kept && { ...kept };
  const text = `${kept >>> 24}.${(kept >>> 16) & 255}.${(kept >>> 8) & 255}.${kept & 255}`;
  const port = word & 0xffff;
  if (formOf(word) === Form.ipv4) return { address: text, family: "IPv4", port };
  return formOf(word) === Form.mapped ? { address: `::ffff:${text}`, family: "IPv6", port } : undefined;
}

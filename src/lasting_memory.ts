import { addon } from "./native.js";

// The WebAssembly types belong to the DOM library, which a server has no other use for.
declare const WebAssembly:
  | { Memory: new (descriptor: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer } }
  | undefined;
const wasmPage = 65536;

// What a transfer list would take, the host refuses or copies; only transfer() takes the addon's own memory.
let needed = "transfer" in ArrayBuffer.prototype;

/**
 * Memory that nothing can detach, for the receive space, where the addon's own could be taken by a program that holds
 * a view of it (from Node 21 on): a WebAssembly memory, for which V8 reserves 10 GB of addresses. Undefined where it is
 * not needed, or not to be had.
 */
export function undetachableMemory(): ArrayBuffer | undefined {
  if (!needed || typeof WebAssembly !== "object") return undefined;
  const pages = Math.ceil(addon.layout.receiveSpaceSize / wasmPage);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
  } catch {
    needed = false; // no addresses are left; asking again would only cost time
    return undefined;
  }
}

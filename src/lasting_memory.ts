import { addon } from "./native.js";

// The WebAssembly types belong to the DOM library, which a server has no other use for.
declare const WebAssembly:
  | { Memory: new (descriptor: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer } }
  | undefined;
const wasmPage = 65536;

// What a transfer list would take, the host refuses or copies; only transfer() takes the addon's own memory.
const canBeTaken = "transfer" in ArrayBuffer.prototype;
let isToBeHad = true;

/**
 * What the receive space is to be made of. Where the addon's own memory could be taken by a program that holds a view
 * of it (from Node 21 on), memory that nothing can detach: a WebAssembly memory, for which V8 reserves 10 GB of
 * addresses. Where that is not to be had, the addon has to look whether its own was taken.
 */
export function receiveMemory(): { received: ArrayBuffer | undefined; receivedCanBeTaken: boolean } {
  const received = canBeTaken && isToBeHad ? undetachableMemory() : undefined;
  return { received, receivedCanBeTaken: canBeTaken && received === undefined };
}

function undetachableMemory(): ArrayBuffer | undefined {
  if (typeof WebAssembly !== "object") return undefined;
  const pages = Math.ceil(addon.layout.receiveSpaceSize / wasmPage);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
  } catch {
    isToBeHad = false; // no addresses are left; asking again would only cost time
    return undefined;
  }
}

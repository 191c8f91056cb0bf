import { Buffer } from "node:buffer";
import { types } from "node:util";
import { DefaultSerializer, deserialize, serialize } from "node:v8";
import { bufferOver, ofDataView, ofTypedArray, tagOf } from "./intrinsics.js";
import { shown } from "./shown.js";

// A packet travels as bytes: memory that is shared would silently stop being so.
class PacketSerializer extends DefaultSerializer {
  _writeHostObject(view: ArrayBufferView): void {
    const honest = honestView(view);
    if (types.isSharedArrayBuffer(honest.buffer)) refuseShared();
    // Node's own serializer knows how to write views; its types leave the method out.
    (
      DefaultSerializer.prototype as unknown as { _writeHostObject(view: ArrayBufferView): void }
    )._writeHostObject.call(this, honest);
  }

  _getSharedArrayBufferId(): number {
    return refuseShared();
  }
}

type ViewClass = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;

const classes = new Map<string, ViewClass & { BYTES_PER_ELEMENT: number }>();
for (const name of Reflect.ownKeys(globalThis)) {
  if (typeof name !== "string" || !/^(Big)?(Int|Uint|Float)\d+(Clamped)?Array$/.test(name)) continue;
  classes.set(name, Reflect.get(globalThis, name));
}

/**
 * The same view without whatever it says of itself: Node asks a view for its length several times, and a packet written
 * by two different answers could not be read by whoever gets it.
 */
function honestView(view: ArrayBufferView): ArrayBufferView {
  if (types.isDataView(view)) {
    return new DataView(ofDataView.buffer(view), ofDataView.offset(view), ofDataView.length(view));
  }
  const [buffer, offset, length] = [
    ofTypedArray.buffer(view),
    ofTypedArray.offset(view),
    ofTypedArray.length(view),
  ];
  if (Object.getPrototypeOf(view) === Buffer.prototype) return bufferOver(buffer, offset, length);
  const Class = classes.get(tagOf(view));
  return Class ? new Class(buffer, offset, length / Class.BYTES_PER_ELEMENT) : view;
}

function refuseShared(): never {
  throw new DOMException(
    "A SharedArrayBuffer cannot be posted; send its contents, or hand it over with workerData",
    "DataCloneError",
  );
}

/** Bun has the function only, and not the class, of which it throws an error; it clones by the same rules. */
function makeSerializer(): PacketSerializer | undefined {
  try {
    return new PacketSerializer();
  } catch {
    return undefined;
  }
}

/** A structured clone of a value, as bytes. Throws a `DataCloneError` for what cannot be cloned. */
export function clone(value: unknown): Uint8Array {
  try {
    const serializer = makeSerializer();
    if (!serializer) return serialize(value);
    serializer.writeHeader();
    serializer.writeValue(value);
    return serializer.releaseBuffer();
  } catch (error) {
    if (error instanceof DOMException) throw error;
    throw new DOMException(messageOf(error), "DataCloneError");
  }
}

/** What was thrown may be a getter's of the value itself, and nothing that can be made a text of in any time. */
function messageOf(error: unknown): string {
  const message: unknown = error instanceof Error ? error.message : error;
  return typeof message === "string" ? message : `a property of it throws ${shown(error)}`;
}

export function restore(bytes: Uint8Array): unknown {
  return deserialize(bytes);
}

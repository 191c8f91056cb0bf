import { DefaultSerializer, deserialize, serialize } from "node:v8";
import { shown } from "./shown.js";

// A packet travels as bytes: memory that is shared would silently stop being so.
class PacketSerializer extends DefaultSerializer {
  _writeHostObject(view: ArrayBufferView): void {
    if (view.buffer instanceof SharedArrayBuffer) refuseShared();
    // Node's own serializer knows how to write views; its types leave the method out.
    (
      DefaultSerializer.prototype as unknown as { _writeHostObject(view: ArrayBufferView): void }
    )._writeHostObject.call(this, view);
  }

  _getSharedArrayBufferId(): number {
    return refuseShared();
  }
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

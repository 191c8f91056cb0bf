import { system } from "../../platforms/rooms.js";
import type { End } from "./end.js";
import type { Ledger } from "./ledger.js";
import { difference, senderOf } from "./stream.js";

/** Holds what every end received against what its peer sent. */
export function checkPairs(ends: readonly End[], ledger: Ledger): void {
  const peers = new Map<End, End>();
  for (const end of ends) {
    const received = end.incoming.bytes();
    const sender = senderOf(received);
    if (sender === undefined) continue; // cut off before anyone was introduced
    const peer = ends[sender];
    if (!peer || peer === end || peers.has(peer)) {
      ledger.violation(`${end} received from ${sender}, which is nobody's or another's peer`);
      continue;
    }
    peers.set(peer, end);
    ledger.bytes += received.length;
    // A peer that resets loses bytes on the way; the end of the stream may not hide that, but under Wine it does.
    const ended = end.incoming.ended && (peer.manner === "orderly" || !system.emulated());
    const wrong = difference(received, peer.outgoing, ended);
    if (wrong) ledger.violation(`from ${peer} to ${end}: ${wrong}`);
    if (peer.manner === "orderly" && end.manner === "orderly") checkOrderly(end, ledger);
  }
}

/** Between two that mean well nothing may go wrong, and everything arrives. */
function checkOrderly(end: End, ledger: Ledger): void {
  if (end.errors.length > 0) ledger.violation(`${end} failed: ${end.errors.join(", ")}`);
  if (!end.incoming.ended) ledger.violation(`${end} never saw the end of the stream`);
  if (!end.outgoing.complete) ledger.violation(`${end} could not end its stream`);
}

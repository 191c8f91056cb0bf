/** A test of the suite that Wine cannot pass, although Windows does. */
export interface WineGap {
  /** From the project's root, with "/". */
  readonly file: string;
  /** Its whole name: "describe > … > it". */
  readonly test: string;
  /** What Wine does instead. */
  readonly why: string;
  /** What real Windows does. */
  readonly windows: string;
}

/**
 * All of them. Under Wine they are skipped; on Windows they run. Whatever else is skipped under Wine fails the run, and
 * so does an entry whose test is gone.
 */
export const wineGaps: readonly WineGap[] = [
  {
    file: "test/conformance/half_close.test.ts",
    test: "a shutdown > does not make a reset behind received bytes look like the end",
    why: "A reset that comes while no receive is posted is told as the end; after a shutdown nothing else tells of it",
    windows: "The receive behind the last byte fails with WSAECONNRESET.",
  },
  {
    file: "test/windows/accept_pool.test.ts",
    test: "sockets used again (reuseSockets) > serve one connection after the other",
    why: "DisconnectEx with TF_REUSE_SOCKET reports success, and the socket never receives again",
    windows: "The socket serves the next connection.",
  },
  {
    file: "test/windows/unbuffered_sends.test.ts",
    test: "unbuffered sends > go on after the peer's FIN: everything arrives",
    why: "At the peer's FIN some of the posted sends complete without having sent anything, and later ones are sent",
    windows: "A FIN from the peer does nothing to sends.",
  },
];

// The numbers that the rings carry: the same as in native/engine/rings.h. Inlined by the compiler.

export const enum Opcode {
  accept = 1,
  startAccept,
  receive,
  startReceive,
  stopReceive,
  send,
  shutdown,
  close,
  reset,
  cancel,
  timer,
}

export const enum SubmissionFlag {
  none = 0,
  notifyDrained = 1,
  flushFirst = 2,
  answered = 4,
}

export const enum CompletionKind {
  operation = 1,
  accepted,
  data,
  end,
  failed,
  blocked,
  drained,
  shortage,
  closed,
  posted,
}

/** 32-bit words of a submission, and of a completion. */
export const enum Words {
  each = 8,
}

export const enum SubmissionWord {
  opcode,
  index,
  generation,
  token,
  a,
  b,
  flags,
}

export const enum CompletionWord {
  kind,
  index,
  token,
  result,
  error,
  native,
  offset,
  bytesSent,
}

export const enum ControlWord {
  submissions = 0,
  completions = 1,
  epoch = 2,
  turning = 3,
  blockades = 4,
  left = 5,
}

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

/** Words of 32 bits of a submission and of a completion. */
export const enum Word {
  count = 8,
  // submissions
  opcode = 0,
  index = 1,
  generation = 2,
  token = 3,
  a = 4,
  b = 5,
  flags = 6,
  // completions
  kind = 0,
  completionIndex = 1,
  completionToken = 2,
  result = 3,
  error = 4,
  native = 5,
  offset = 6,
  bytesSent = 7,
}

export const enum ControlWord {
  submissions = 0,
  completions = 1,
  epoch = 2,
  turning = 3,
}

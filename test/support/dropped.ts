import { CompletionPort, type SendData, type TcpSocket } from "portside";
import { expect } from "vitest";

/**
 * Writes to a connection that has ended, by whomever: the answer is false and no exception, nothing waits or is
 * submitted, and exactly these bytes are counted as dropped.
 */
export function dropped(
  socket: TcpSocket,
  data: SendData = "too late",
  bytes = 8,
  port = CompletionPort.default,
): void {
  const { bytesDropped, submitted, operations } = port.stats();
  expect(socket.write(data)).toBe(false);
  expect(port.stats()).toMatchObject({ bytesDropped: bytesDropped + bytes, submitted, operations });
}

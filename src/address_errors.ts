import { PortsideError, type PortsideErrorDetails, place, systemError } from "./errors.js";
import { errorName, type NativeError } from "./native.js";

/** The system's error of an address. Of a zone that does not exist it names the zone. */
export function addressError(error: NativeError, details: PortsideErrorDetails): PortsideError {
  const code = errorName(error.code);
  return systemError(
    code,
    { syscall: error.syscall, native: error.native, ...details },
    zoneSentence(code, details.address) ?? portSentence(code, details.port),
  );
}

const isLinkLocal = /^fe[89ab]/i;

function zoneSentence(code: string, address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const percent = address.indexOf("%");
  if (percent < 0) {
    if (code !== "EINVAL" || !isLinkLocal.test(address)) return undefined;
    return 'a link-local address needs its zone; name the interface after a "%", as in fe80::1%eth0';
  }
  const zone = JSON.stringify(address.slice(percent + 1));
  if (code === "ENODEV") return `there is no interface ${zone}; name one of this machine's after the "%"`;
  if (code === "EINVAL") return `the system refuses the address; the zone ${zone} may not belong to it`;
  return undefined;
}

function portSentence(code: string, port: number | undefined): string | undefined {
  if (code !== "EADDRINUSE" || port !== 0) return undefined;
  return "no port number is free; close some connections, or widen the range of local port numbers";
}

/**
 * Of several addresses of a host that all failed: the error of the one that failed first, with all of them in `errors`
 * and in the message.
 */
export function severalErrors(host: string, errors: readonly PortsideError[]): PortsideError {
  const first = errors[0] as PortsideError;
  if (errors.length === 1) return first;
  const { code, syscall, address, port, native } = first;
  return new PortsideError(code, `${first.message} (of ${host} every address failed:${each(errors)})`, {
    syscall,
    address,
    port,
    native,
    errors,
  });
}

/** A connect took longer than its time-out, after some of the addresses had failed, or while several were tried. */
export function timeoutError(host: string, port: number, errors: readonly PortsideError[]): PortsideError {
  const error = systemError("ETIMEDOUT", { syscall: "connect", address: host, port });
  if (errors.length < 2) return error;
  return new PortsideError("ETIMEDOUT", `${error.message} (of its addresses:${each(errors)})`, {
    syscall: "connect",
    address: host,
    port,
    errors,
  });
}

function each(errors: readonly PortsideError[]): string {
  return errors.map((error) => `${place(error)} ${error.code}`).join(",");
}

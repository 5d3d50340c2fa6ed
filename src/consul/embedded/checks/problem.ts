/** What a failed connection is called in a check's output, in Go's words, which dashboards know. */
export function connectionProblem(error: unknown): string {
  const { message, code, address, port, hostname } = firstCause(error);
  const peer = address === undefined ? "" : ` ${address.includes(":") ? `[${address}]` : address}:${port}`;
  switch (code) {
    case "ECONNREFUSED":
      return `dial tcp${peer}: connect: connection refused`;
    case "EHOSTUNREACH":
      return `dial tcp${peer}: connect: no route to host`;
    case "ETIMEDOUT":
      return `dial tcp${peer}: i/o timeout`;
    case "ENOTFOUND":
      return `dial tcp: lookup ${hostname}: no such host`;
    case "ECONNRESET":
      return "read tcp: connection reset by peer";
    default:
      return message;
  }
}

interface SystemError extends Error {
  code?: string;
  address?: string;
  port?: number;
  hostname?: string;
}

/** Of a name with several addresses the first failure, of an HTTP/2 stream that of its connection. */
function firstCause(error: unknown): SystemError {
  if (error instanceof AggregateError && error.errors.length > 0) return firstCause(error.errors[0]);
  if (error instanceof Error) return error.cause instanceof Error ? firstCause(error.cause) : error;
  return new Error(String(error));
}

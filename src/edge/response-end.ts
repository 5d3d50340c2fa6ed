import type { IncomingMessage, ServerResponse } from "node:http";

/** How long a client may go on sending a body that nobody wants, before its connection is closed under it. */
const lingerMs = 1_000;

/** Whether the client announced a body that has not arrived whole. */
export function hasUnreadBody(request: IncomingMessage): boolean {
  const { headers } = request;
  const announced = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  return announced && !request.complete;
}

/**
 * Ends an answer. When it came before the request's end the connection closes; doing so at once would reset it, and
 * the client might lose the answer: so what still arrives is read and dropped for a moment.
 */
export function endResponse(response: ServerResponse): void {
  const request = response.req;
  if (!hasUnreadBody(request) || response.destroyed) {
    response.end();
    return;
  }
  const end = () => {
    clearTimeout(timer);
    request.off("end", end).off("close", end);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.once("end", end).once("close", end).resume();
}

import type { ServerResponse } from "node:http";
import { endResponse, hasUnreadBody } from "./response-end.ts";

/** The codes that the edge itself answers with, their gRPC number and HTTP status after google/rpc/code.proto. */
const codes = {
  INVALID_ARGUMENT: [3, 400],
  DEADLINE_EXCEEDED: [4, 504],
  NOT_FOUND: [5, 404],
  RESOURCE_EXHAUSTED: [8, 429],
  UNIMPLEMENTED: [12, 501],
  INTERNAL: [13, 500],
  UNAVAILABLE: [14, 503],
} as const;

export interface EdgeFailure {
  code: keyof typeof codes;
  message: string;
  /** ErrorInfo.reason: stable, for programs. */
  reason: string;
  /** HTTP status where a more exact one than the code's exists, e.g. 413. */
  status?: number;
  headers?: Readonly<Record<string, string>>;
}

/** Domain of the reasons that the edge gives; a service's errors have their own. */
const domain = "edge.flow";

/** The failure's body: google.rpc.Status in ProtoJSON, with the request id to ask after. */
export function statusBody({ code, message, reason }: EdgeFailure, requestId: string): string {
  const details = [
    { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain },
    { "@type": "type.googleapis.com/google.rpc.RequestInfo", requestId },
  ];
  return `${JSON.stringify({ code: codes[code][0], status: code, message, details })}\n`;
}

export function httpStatusOf({ code, status }: EdgeFailure): number {
  return status ?? codes[code][1];
}

/** Answers with the failure; nothing may have been written before. */
export function writeFailure(response: ServerResponse, failure: EdgeFailure, requestId: string): void {
  const body = statusBody(failure, requestId);
  response.writeHead(httpStatusOf(failure), {
    ...failure.headers,
    ...(hasUnreadBody(response.req) ? { connection: "close" } : {}),
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-request-id": requestId,
  });
  if (response.req.method !== "HEAD") response.write(body);
  endResponse(response);
}

import type { IncomingHttpHeaders } from "node:http";

/** setTimeout's own limit; Node turns what is above into 1 ms. */
const mostMs = 2 ** 31 - 1;

const grpcUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, "": 1_000 };

/**
 * Ms that the client gives the call: `grpc-timeout` as gRPC writes it (`1500m`, `5S`), `x-request-timeout-ms`, or
 * `x-request-timeout` (`500ms`, `2s`, `1m`, a bare number is seconds). The shortest counts; what makes no sense is as
 * if it were not there.
 */
export function readDeadline(headers: IncomingHttpHeaders): number | undefined {
  const grpc = /^(\d{1,8})([HMSmun])$/.exec(String(headers["grpc-timeout"] ?? ""));
  const ms = /^(\d{1,10})$/.exec(String(headers["x-request-timeout-ms"] ?? ""));
  const plain = /^(\d{1,10}(?:\.\d{1,6})?)(ms|s|m|)$/.exec(String(headers["x-request-timeout"] ?? ""));
  const found = [
    ...(grpc === null ? [] : [Number(grpc[1]) * (grpcUnits[grpc[2] as string] as number)]),
    ...(ms === null ? [] : [Number(ms[1])]),
    ...(plain === null ? [] : [Number(plain[1]) * (units[plain[2] as string] as number)]),
  ];
  return found.length === 0 ? undefined : Math.min(mostMs, ...found);
}

/** The headers that pass `ms` on. */
export function deadlineFor(ms: number): Record<string, string> {
  return { "grpc-timeout": formatGrpcTimeout(ms), "x-request-timeout-ms": String(Math.max(1, Math.floor(ms))) };
}

/** A time in ms as `grpc-timeout`: at most eight digits and a unit. */
export function formatGrpcTimeout(ms: number): string {
  const whole = Math.max(0, Math.floor(ms));
  return whole < 1e8 ? `${whole}m` : `${Math.floor(whole / 1_000)}S`;
}

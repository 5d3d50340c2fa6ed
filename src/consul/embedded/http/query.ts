import { parseDuration, toMilliseconds } from "../go/duration.ts";
import { isUint64 } from "../go/decode.ts";
import { ApiError } from "./errors.ts";

export type Consistency = "leader" | "stale" | "consistent";

/** Parameters that many endpoints have in common. What an endpoint does not read it does not check either. */
export type CommonParameter = "ns" | "partition" | "dc" | "consistency" | "blocking";

export const allCommon: readonly CommonParameter[] = ["ns", "partition", "dc", "consistency", "blocking"];

/** Of these two this agent knows but the default; those who ask for another are refused. */
export const tenancy: readonly CommonParameter[] = ["ns", "partition"];

/** A request's parameters, the common ones read (https://developer.hashicorp.com/consul/api-docs/features). */
export interface Query {
  params: URLSearchParams;
  /** Decimal digits; undefined, or "0", does not block. */
  index: string | undefined;
  /** How long a blocking query waits at the longest, without the jitter that is added. */
  waitMs: number;
  consistency: Consistency;
  cached: boolean;
}

const defaultWaitMs = 5 * 60_000;
const longestWaitMs = 10 * 60_000;

/** Reads those of the common parameters that `reads` names. @throws ApiError 400, or 500 for an unknown data centre */
export function parseQuery(params: URLSearchParams, datacenter: string, reads: readonly CommonParameter[]): Query {
  refuseEnterprise(params, reads);
  const consistency = reads.includes("consistency") ? parseConsistency(params) : "leader";
  const blocking = reads.includes("blocking");
  const waitMs = blocking ? parseWait(params.get("wait")) : 0;
  const index = blocking ? (params.get("index") ?? "") : "";
  if (index !== "" && !isUint64(index)) throw new ApiError(400, "Invalid index");
  if (reads.includes("dc")) requireDatacenter(params.get("dc"), datacenter);
  return {
    params,
    index: index === "" ? undefined : BigInt(index).toString(),
    waitMs,
    consistency,
    cached: params.has("cached"),
  };
}

function parseConsistency(params: URLSearchParams): Consistency {
  const stale = params.has("stale");
  const consistent = params.has("consistent");
  if (stale && consistent) {
    throw new ApiError(400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
  }
  const maxStale = params.get("max_stale");
  if (maxStale !== null && parseDuration(maxStale) === undefined) {
    throw new ApiError(400, `Invalid max_stale value ${JSON.stringify(maxStale)}`);
  }
  return stale ? "stale" : consistent ? "consistent" : "leader";
}

/** @throws ApiError 500 */
export function requireDatacenter(wanted: string | null | undefined, datacenter: string): void {
  if (wanted !== null && wanted !== undefined && wanted !== "" && wanted !== datacenter) {
    throw new ApiError(500, "No path to datacenter");
  }
}

function refuseEnterprise(params: URLSearchParams, reads: readonly CommonParameter[]): void {
  for (const [name, feature] of [
    ["ns", "Namespaces are"],
    ["partition", "Partitions are"],
  ] as const) {
    if (reads.includes(name) && (params.get(name) ?? "") !== "") {
      throw new ApiError(400, `Invalid query parameter: "${name}" - ${feature} a Consul Enterprise feature`);
    }
  }
}

function parseWait(text: string | null): number {
  if (text === null || text === "") return defaultWaitMs;
  const wait = parseDuration(text);
  if (wait === undefined) throw new ApiError(400, "Invalid wait time");
  return wait <= 0n ? defaultWaitMs : Math.min(toMilliseconds(wait), longestWaitMs);
}

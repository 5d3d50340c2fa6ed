import type { HealthStatus } from "../store/rows.ts";

/** How a check finds out; JSON, for it is stored. Times in ms. */
export type Probe =
  | { type: "ttl"; ttlMs: number; maxOutputBytes: number }
  | ({ type: "http" } & HttpProbe & Schedule)
  | ({ type: "tcp"; address: string } & Schedule)
  | ({ type: "grpc"; address: string; service: string } & Tls & Schedule)
  | ({ type: "script"; args: string[] } & Schedule)
  | { type: "maintenance" };

export interface Schedule {
  intervalMs: number;
  timeoutMs: number;
}

export interface Tls {
  tls: boolean;
  serverName: string;
  skipVerify: boolean;
}

export interface HttpProbe {
  url: string;
  method: string;
  headers: Record<string, string[]>;
  body: string;
  followRedirects: boolean;
  /** No more of a body than this is kept as the check's output. */
  maxOutputBytes: number;
  serverName: string;
  skipVerify: boolean;
}

export interface ProbeResult {
  status: HealthStatus;
  output: string;
}

export type ActiveProbe = Extract<Probe, Schedule>;

/** Asks once. It always comes back, within the probe's timeout, and a failure is a result like any other. */
export async function runProbe(probe: ActiveProbe): Promise<ProbeResult> {
  switch (probe.type) {
    case "http":
      return await (await import("./http.ts")).probeHttp(probe);
    case "tcp":
      return await (await import("./tcp.ts")).probeTcp(probe);
    case "grpc":
      return await (await import("./grpc.ts")).probeGrpc(probe);
    case "script":
      return await (await import("./script.ts")).probeScript(probe);
  }
}

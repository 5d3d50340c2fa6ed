import type { ProcessPlan } from "../types.ts";

/** What a gate that was not passed still waits for, for people. */
export function describeGate({ gate, name }: ProcessPlan, port: number | undefined): string {
  if (gate.consul === true) return `${name} is not passing in Consul`;
  if (gate.http !== undefined) return `GET ${gate.http} on port ${port} is not answered`;
  if (gate.grpc !== undefined) return `gRPC health on port ${port} is not SERVING`;
  if (gate.log !== undefined) return `no line matched ${gate.log}`;
  if (gate.completed === true) return "it has not ended";
  return `port ${port} is not open`;
}

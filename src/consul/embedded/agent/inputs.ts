import type { Shape } from "../go/decode.ts";

const check = {
  Name: "string",
  Notes: "string",
  Status: "string",
  Args: "strings",
  ScriptArgs: "strings",
  HTTP: "string",
  Header: "stringLists",
  Method: "string",
  Body: "string",
  DisableRedirects: "bool",
  TCP: "string",
  UDP: "string",
  GRPC: "string",
  GRPCUseTLS: "bool",
  H2PING: "string",
  H2PingUseTLS: "bool",
  Interval: "duration",
  Timeout: "duration",
  TTL: "duration",
  TLSServerName: "string",
  TLSSkipVerify: "bool",
  Shell: "string",
  DockerContainerID: "string",
  AliasNode: "string",
  AliasService: "string",
  SuccessBeforePassing: "int",
  FailuresBeforeWarning: "int",
  FailuresBeforeCritical: "int",
  DeregisterCriticalServiceAfter: "duration",
  OutputMaxSize: "int",
  ProxyHTTP: "string",
  ProxyGRPC: "string",
} as const satisfies Shape;

/** A check inside a service. */
const serviceCheckShape = { ...check, CheckID: "string", ServiceID: "string" } as const satisfies Shape;

/** Body of `/agent/check/register`. */
export const checkShape = { ...check, ID: "string", ServiceID: "string", Token: "string" } as const satisfies Shape;

/** Body of `/agent/service/register`. */
export const serviceShape = {
  ID: "string",
  Name: "string",
  Tags: "strings",
  Address: "string",
  TaggedAddresses: { map: { Address: "string", Port: "int" } },
  Meta: "stringMap",
  Port: "int",
  SocketPath: "string",
  Weights: { object: { Passing: "int", Warning: "int" } },
  EnableTagOverride: "bool",
  Kind: "string",
  Proxy: "any",
  Connect: "any",
  Token: "string",
  Check: { object: serviceCheckShape },
  Checks: { list: serviceCheckShape },
} as const satisfies Shape;

export interface CheckInput {
  ID?: string;
  CheckID?: string;
  ServiceID?: string;
  Name?: string;
  Notes?: string;
  Status?: string;
  Args?: string[];
  ScriptArgs?: string[];
  HTTP?: string;
  Header?: Record<string, string[]>;
  Method?: string;
  Body?: string;
  DisableRedirects?: boolean;
  TCP?: string;
  UDP?: string;
  GRPC?: string;
  GRPCUseTLS?: boolean;
  H2PING?: string;
  Interval?: bigint;
  Timeout?: bigint;
  TTL?: bigint;
  TLSServerName?: string;
  TLSSkipVerify?: boolean;
  DockerContainerID?: string;
  AliasNode?: string;
  AliasService?: string;
  SuccessBeforePassing?: number;
  FailuresBeforeWarning?: number;
  FailuresBeforeCritical?: number;
  DeregisterCriticalServiceAfter?: bigint;
  OutputMaxSize?: number;
}

export interface ServiceInput {
  ID?: string;
  Name?: string;
  Tags?: string[];
  Address?: string;
  TaggedAddresses?: Record<string, { Address?: string; Port?: number }>;
  Meta?: Record<string, string>;
  Port?: number;
  SocketPath?: string;
  Weights?: { Passing?: number; Warning?: number };
  EnableTagOverride?: boolean;
  Kind?: string;
  Proxy?: unknown;
  Connect?: unknown;
  Check?: CheckInput;
  Checks?: CheckInput[];
}

/** Everything the runtime reads of its process, once and here alone. */
export interface Environment {
  /** Name in Consul (`FLOW_SERVICE`). */
  readonly service: string | undefined;
  /** Address to listen on and to register (`FLOW_HOST`, default 127.0.0.1). */
  readonly host: string;
  /** Port to listen on (`FLOW_PORT`, default 0: a free one). */
  readonly port: number;
  /** Id in Consul (`FLOW_INSTANCE`, default service-host-port). */
  readonly instance: string | undefined;
  /** host:port or URL of the Consul agent (`FLOW_CONSUL_ADDR`); without one nothing is registered. */
  readonly consul: string | undefined;
  /** ACL token for Consul (`FLOW_CONSUL_TOKEN`). */
  readonly consulToken: string | undefined;
  /** Data centre (`FLOW_DC`). */
  readonly datacenter: string | undefined;
  /** `grpc-js`, the default, or `native` (`FLOW_TRANSPORT`). */
  readonly transport: string | undefined;
  /** PEM files of the certificate and key that servers speak TLS with (`FLOW_TLS_CERT`, `FLOW_TLS_KEY`); without them they do not. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** PEM file of the authorities whose certificates callers have to show (`FLOW_TLS_CLIENT_CA`). */
  readonly tlsClientCa: string | undefined;
  /** PEM file of the authorities that calls trust (`FLOW_TLS_CA`): with it all calls speak TLS, and show the certificate above. */
  readonly tlsCa: string | undefined;
  /** Name that servers' certificates must be for, instead of their address (`FLOW_TLS_NAME`). */
  readonly tlsName: string | undefined;
  /** debug, info, warn, error or off (`FLOW_LOG_LEVEL`, default info). */
  readonly logLevel: string;
  /** text or json (`FLOW_LOG_FORMAT`, default text on a terminal, json elsewhere). */
  readonly logFormat: "text" | "json";
  /** Ms that calls in flight may take after a stop was asked for (`FLOW_DRAIN_MS`, default 5,000). */
  readonly drainMs: number;
  /** Static endpoints of a service, host:port separated by commas (`FLOW_TARGET_<NAME>`, e.g. `FLOW_TARGET_STOCK_REPORT`). */
  target(service: string): string[];
}

function read(env: NodeJS.ProcessEnv): Environment {
  return {
    service: env.FLOW_SERVICE || undefined,
    host: env.FLOW_HOST || "127.0.0.1",
    port: Number(env.FLOW_PORT ?? 0) || 0,
    instance: env.FLOW_INSTANCE || undefined,
    consul: env.FLOW_CONSUL_ADDR || undefined,
    consulToken: env.FLOW_CONSUL_TOKEN || undefined,
    datacenter: env.FLOW_DC || undefined,
    transport: env.FLOW_TRANSPORT || undefined,
    tlsCert: env.FLOW_TLS_CERT || undefined,
    tlsKey: env.FLOW_TLS_KEY || undefined,
    tlsClientCa: env.FLOW_TLS_CLIENT_CA || undefined,
    tlsCa: env.FLOW_TLS_CA || undefined,
    tlsName: env.FLOW_TLS_NAME || undefined,
    logLevel: env.FLOW_LOG_LEVEL || "info",
    logFormat:
      env.FLOW_LOG_FORMAT === "json" || (env.FLOW_LOG_FORMAT !== "text" && process.stderr.isTTY !== true)
        ? "json"
        : "text",
    drainMs: Number(env.FLOW_DRAIN_MS ?? 5_000),
    target: (service) =>
      (env[`FLOW_TARGET_${service.replaceAll("-", "_").toUpperCase()}`] ?? "")
        .split(",")
        .filter((address) => address !== ""),
  };
}

export const environment: Environment = read(process.env);

/** Where the service was started: paths in stacks are given from here. */
export const workingDirectory: string = process.cwd();

/** Writes a line of log to standard error; losing it must never stop a service. */
export function writeLog(line: string): void {
  try {
    process.stderr.write(line);
  } catch {
    // The other end is gone.
  }
}

/** Calls `stop` at the first SIGTERM or SIGINT; a second signal ends the process at once. Returns what takes it back. */
export function onStopSignal(stop: (signal: NodeJS.Signals) => void): () => void {
  let stopping = false;
  const listener = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(signal === "SIGINT" ? 130 : 143);
    stopping = true;
    stop(signal);
  };
  process.on("SIGTERM", listener);
  process.on("SIGINT", listener);
  return () => {
    process.off("SIGTERM", listener);
    process.off("SIGINT", listener);
  };
}

import type { DescService } from "@bufbuild/protobuf";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { environment, onStopSignal } from "./environment.ts";
import { closeTargets } from "./internal/client/targets.ts";
import { handleCall } from "./internal/server/handle.ts";
import { HealthService } from "./internal/server/health.ts";
import { ReflectionService } from "./internal/server/reflection.ts";
import { Registration } from "./internal/server/registration.ts";
import type { ServerTlsOptions } from "./internal/server/server-tls.ts";
import { sharePort, type SharedPortHandlers } from "./internal/server/shared-port.ts";
import { entriesOf, methodTag, type MethodEntry } from "./internal/server/table.ts";
import { selectTransport, type ListenOptions } from "./internal/transport/index.ts";
import type { TransportName } from "./internal/transport/names.ts";
import { createWebApi, type WebApiSettings } from "./internal/webapi/index.ts";
import { createLogger } from "./log.ts";
import type { Server, Service } from "./service.ts";

export interface ServeOptions {
  /** Name in Consul, default FLOW_SERVICE. */
  name?: string;
  /** Address to listen on, default FLOW_HOST or 127.0.0.1. */
  host?: string;
  /** Port, default FLOW_PORT or a free one. */
  port?: number;
  /** Consul agent, default FLOW_CONSUL_ADDR; `false` for none. */
  consul?: string | false;
  /** Version shown in Consul. */
  version?: string;
  /** Ms that calls in flight may take after a stop, default FLOW_DRAIN_MS or 5,000. */
  drainMs?: number;
  /** Ms between leaving Consul and closing the port: callers learn of it meanwhile. Default 300. */
  settleMs?: number;
  /** Largest message in bytes, default 16 MiB. */
  maxMessageBytes?: number;
  /** Default FLOW_TRANSPORT or grpc-js. */
  transport?: TransportName;
  /** Speak TLS alone, on one port for HTTP/2 and HTTP/1.1; default FLOW_TLS_CERT and FLOW_TLS_KEY, `false` for none. */
  tls?: ServerTlsOptions | false;
  /** Listen beside other processes on the same port, where the system has it (SO_REUSEPORT): it spreads connections over them. Default false. */
  reusePort?: boolean;
  /** Limits of connections: what each is, see the transport. */
  connections?: Pick<
    ListenOptions,
    "gzipFromBytes" | "limits" | "keepalive" | "minPingIntervalMs" | "maxConnectionAgeMs" | "maxConnectionAgeGraceMs"
  >;
  webApi?: Omit<WebApiSettings, "service">;
  /** Stop at SIGTERM and SIGINT, and end the process then. Default true. */
  handleSignals?: boolean;
}

export interface RunningServer {
  /** host:port */
  readonly address: string;
  readonly port: number;
  /** Leaves Consul, refuses new connections, lets calls end within `drainMs`, closes. */
  stop(): Promise<void>;
  /** Reads the certificate's files again at once, instead of within 5 s. */
  reloadTls(): void;
  /** Resolves when it has stopped. */
  readonly stopped: Promise<void>;
}

/** Servers of this process that were not stopped. */
let running = 0;

/**
 * Serves: listens, becomes SERVING, then registers in Consul. One port speaks gRPC, health, reflection and the web API.
 * @throws when the port cannot be listened on
 */
export async function serve(service: Service, options: ServeOptions = {}): Promise<RunningServer> {
  const name = options.name ?? environment.service;
  const log = createLogger(() => (name === undefined ? {} : { service: name }));
  const { entries, services } = collect(service);
  const health = new HealthService(services.map(({ typeName }) => typeName));
  const reflection = new ReflectionService(services);
  const table = new Map(
    [...entries, ...health.entries, ...reflection.entries].map((entry) => [entry.wire.path, entry]),
  );

  const transport = selectTransport(options.transport);
  const tls = options.tls ?? tlsOfEnvironment();
  const grpc = transport.listen(
    {
      methods: [...table.values()].map(({ wire }) => wire),
      ...options.connections,
      ...(options.maxMessageBytes === undefined ? {} : { maxMessageBytes: options.maxMessageBytes }),
    },
    (call) => void handleCall(call, table, name),
  );
  const web = createHttpServer(
    { keepAliveTimeout: 65_000, headersTimeout: 20_000 },
    createWebApi(table, { service: name, ...options.webApi }),
  );
  const sockets = new Set<Socket>();
  let stopping: Promise<void> | undefined;
  const handlers: SharedPortHandlers = {
    http2: (socket) => grpc.accept(socket),
    http1: (socket) => {
      if (stopping !== undefined && !port.listening) return void socket.destroy();
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      web.emit("connection", socket);
    },
  };
  const port = sharePort(handlers, tls === false ? undefined : tls);
  const host = options.host ?? environment.host;
  await new Promise<void>((resolve, reject) =>
    port
      .once("error", reject)
      .listen({ port: options.port ?? environment.port, host, reusePort: options.reusePort ?? false }, resolve),
  );
  const { port: number } = port.address() as AddressInfo;
  health.setServing(true);
  running++;

  const consul = options.consul ?? environment.consul ?? false;
  const registration =
    consul === false || name === undefined
      ? undefined
      : new Registration(
          consul,
          registrationOf(name, { service, entries, host, port: number, version: options.version, tls: tls !== false }),
        );
  await registration?.start();
  log.info("serving", {
    address: `${host}:${number}`,
    transport: transport.name,
    ...(tls === false ? {} : { tls: tls.cert }),
    consul: consul === false ? "none" : consul,
  });

  const { promise: stopped, resolve: resolveStopped } = Promise.withResolvers<void>();
  const stop = async (): Promise<void> => {
    const drainMs = options.drainMs ?? environment.drainMs;
    await registration?.stop();
    health.setServing(false);
    if (registration !== undefined) await delay(options.settleMs ?? 300);
    port.close();
    web.close();
    web.closeIdleConnections();
    await Promise.all([grpc.drain(drainMs), drainHttp(sockets, () => web.closeIdleConnections(), drainMs)]);
    grpc.close();
    for (const socket of sockets) socket.destroy();
    // Other servers of this process call on.
    if (--running === 0) closeTargets();
    await service.close();
    resolveStopped();
  };
  const server: RunningServer = {
    address: `${host}:${number}`,
    port: number,
    stopped,
    reloadTls: () => port.reloadTls(),
    stop: () => (stopping ??= stop()),
  };
  if (options.handleSignals !== false) {
    const release = onStopSignal((signal) => {
      log.info("stopping", { signal });
      void server.stop().finally(release);
    });
  }
  return server;
}

function collect(service: Service): { entries: MethodEntry[]; services: DescService[] } {
  const entries: MethodEntry[] = [];
  const services: DescService[] = [];
  const server: Server = {
    add: (descriptor, implementation) => {
      services.push(descriptor);
      entries.push(...entriesOf(descriptor, implementation));
    },
  };
  service.register(server);
  return { entries, services };
}

interface Described {
  service: Service;
  entries: readonly MethodEntry[];
  host: string;
  port: number;
  version: string | undefined;
  tls: boolean;
}

function tlsOfEnvironment(): ServerTlsOptions | false {
  const { tlsCert: cert, tlsKey: key, tlsClientCa: clientCa } = environment;
  if (cert === undefined || key === undefined) return false;
  return { cert, key, ...(clientCa === undefined ? {} : { clientCa }) };
}

function registrationOf(name: string, { service, entries, host, port, version, tls }: Described) {
  return {
    id: environment.instance ?? `${name}-${host}-${port}`,
    name,
    address: host,
    port,
    tags: entries.map(methodTag).filter((tag) => tag !== undefined),
    // Consul takes values up to 512 characters.
    meta: { "flow-desc": service.desc().slice(0, 512), ...(version === undefined ? {} : { "flow-version": version }) },
    check: {
      grpc: `${host}:${port}`,
      grpcTls: tls,
      interval: "2s",
      timeout: "2s",
      status: "passing" as const,
      deregisterAfter: "1m",
    },
  };
}

/** Waits until HTTP/1 connections are idle and closed, at most `ms`. */
async function drainHttp(sockets: ReadonlySet<Socket>, closeIdle: () => void, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (sockets.size > 0 && performance.now() < end) {
    closeIdle();
    await delay(20);
  }
}

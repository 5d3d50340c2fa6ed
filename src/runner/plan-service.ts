import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ServiceOrigin } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { shellArgv } from "./argv.ts";
import { engineEnvironment, planContainer } from "./containers.ts";
import { baseEnvironment, serviceVariables } from "./environment.ts";
import { PortBook } from "./port-book.ts";
import { runPaths } from "./home.ts";
import { findScope, type RunScope } from "./scope.ts";
import type { ConsulPlan, ProcessPlan, RunDocument } from "./types.ts";

/**
 * The plan of a service that runs, as its definition is by now; undefined when it is defined no more. A port that it
 * need not change it keeps.
 * @throws FlowError for a definition that cannot be
 */
export async function planAgain(ctx: FlowContext, name: string, { run, services }: RunDocument) {
  const scope = await findScope(ctx);
  const origin = scope.services.get(name);
  if (origin === undefined) return undefined;
  const book = await PortBook.open(join(runPaths(scope.home).run, "ports.json"));
  const port = services.find((status) => status.name === name)?.port ?? undefined;
  const consul = run?.consul ?? undefined;
  return await planService(ctx, scope, {
    name,
    origin,
    ports: { take: async (_, demanded) => demanded ?? port ?? (await book.take(name)) },
    consul,
    ownConsul: consul !== undefined && consul.kind !== "external",
    runId: run?.id ?? "",
  });
}

export interface ServiceParts {
  name: string;
  origin: ServiceOrigin;
  ports: Pick<PortBook, "take">;
  consul: ConsulPlan | undefined;
  /** Whether the run has a Consul of its own to wait for. */
  ownConsul: boolean;
  runId: string;
}

/** What the supervisor has to know of a service. @throws FlowError for an image that cannot be run */
export async function planService(
  ctx: FlowContext,
  scope: RunScope,
  { name, origin, ports, consul, ownConsul, runId }: ServiceParts,
): Promise<ProcessPlan> {
  const { definition, repository } = origin;
  const { workspace, home } = scope;
  const isEntry = definition.entry !== undefined;
  const fixed = typeof definition.port === "number" ? definition.port : undefined;
  const port = definition.port === "none" ? undefined : await ports.take(name, fixed);
  const listens = port !== undefined && (isEntry || usesPort(definition));
  const gate =
    definition.ready ??
    (isEntry
      ? consul === undefined
        ? { grpc: true as const }
        : { consul: true as const }
      : listens
        ? { tcp: true as const }
        : { started: true as const });
  const data = join(runPaths(home).data, name);
  await mkdir(data, { recursive: true });
  const restart = definition.restart ?? {};
  const { plain, secrets } = await serviceVariables(scope, name);
  const container =
    definition.image === undefined
      ? undefined
      : await planContainer(ctx, { home, runId, service: name, origin, variables: { plain, secrets } });
  return {
    name,
    kind: "service",
    ...(container ?? { argv: commandOf(ctx, definition, repository.dir) }),
    directory: resolve(repository.dir, definition.directory ?? "."),
    env: {
      ...baseEnvironment(ctx, workspace),
      FLOW_HOST: "127.0.0.1",
      FLOW_LOG_FORMAT: "text",
      FLOW_DATA_DIR: data,
      ...(isEntry ? { NODE_COMPILE_CACHE: runPaths(home).compileCache } : {}),
      ...(container === undefined ? {} : engineEnvironment(ctx.env)),
      ...plain,
      FLOW_SERVICE: name,
      ...(consul === undefined
        ? {}
        : { FLOW_CONSUL_ADDR: consul.address, FLOW_DC: workspace?.definition.datacentre ?? "dc1" }),
    },
    secrets,
    port,
    portUse: fixed !== undefined ? "fixed" : listens ? "sticky" : "offered",
    // A command needs no Consul to start: flow registers it when both are there.
    depends: { ...(ownConsul && isEntry ? { consul: "ready" as const } : {}), ...definition.depends },
    gate,
    gateTimeoutMs: gate.timeout ?? (gate.completed === true ? undefined : 60_000),
    settleMs: definition.ready === undefined && gate.started === true ? 250 : 0,
    registration: consul === undefined || port === undefined ? "none" : registrationOf(definition),
    restart: {
      policy: restart.policy ?? (gate.completed === true ? "never" : "on-failure"),
      backoffMs: ("backoff" in restart ? restart.backoff : undefined) ?? 500,
      maxBackoffMs: ("maxBackoff" in restart ? restart.maxBackoff : undefined) ?? 30_000,
      attempts: ("attempts" in restart ? restart.attempts : undefined) ?? 5,
      stableAfterMs: ("stableAfter" in restart ? restart.stableAfter : undefined) ?? 10_000,
    },
    stop: {
      signal: `SIG${definition.stop?.signal ?? "TERM"}` as NodeJS.Signals,
      timeoutMs: definition.stop?.timeout ?? 5_000,
    },
  };
}

/** An entry registers itself; flow does it for a command, unless that wants none. */
function registrationOf({ entry, consul }: ServiceOrigin["definition"]): ProcessPlan["registration"] {
  if (consul === false) return "none";
  if (entry !== undefined) return "self";
  return { tags: typeof consul === "object" ? (consul.tags ?? []) : [] };
}

/** A command listens when it says so: by `port`, a gate that asks a port, a registration, or by using the variable. */
function usesPort({ port, ready, consul, command, containerPort }: ServiceOrigin["definition"]): boolean {
  if (port === "none") return false;
  if (port !== undefined || containerPort !== undefined) return true;
  if (ready?.tcp !== undefined || ready?.http !== undefined || ready?.grpc !== undefined || ready?.consul !== undefined)
    return true;
  if (consul !== undefined && consul !== false) return true;
  return /\bPORT\b|FLOW_PORT|\{port\}/.test([command].flat().join(" "));
}

function commandOf(
  ctx: FlowContext,
  { entry, command }: ServiceOrigin["definition"],
  directory: string,
): [string, ...string[]] {
  // Node's own warnings of young features concern nobody who runs a service.
  if (entry !== undefined)
    return [ctx.installation.nodePath, "--disable-warning=ExperimentalWarning", resolve(directory, entry)];
  return shellArgv(command as string | string[]);
}

import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { ServiceOrigin } from "../config/index.ts";
import { chooseConsul, consulAgent } from "../consul/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { baseEnvironment } from "./environment.ts";
import { PortBook } from "./port-book.ts";
import { runPaths } from "./home.ts";
import { planService } from "./plan-service.ts";
import { selectServices, type RunScope } from "./scope.ts";
import { reservedNames, type ConsulPlan, type ProcessPlan, type RunPlan } from "./types.ts";

export interface PlanOptions {
  services: readonly string[];
  attached: boolean;
  /** auto, real, embedded, none or the URL of an agent. */
  consul?: string;
  edge?: boolean;
}

const infrastructureRestart: ProcessPlan["restart"] = {
  policy: "on-failure",
  backoffMs: 200,
  maxBackoffMs: 5_000,
  attempts: 10,
  stableAfterMs: 10_000,
};

/** Decides everything about a run before it starts. @throws FlowError for a definition or a port that cannot be */
export async function planRun(ctx: FlowContext, scope: RunScope, options: PlanOptions): Promise<RunPlan> {
  const paths = runPaths(scope.home);
  const id = randomBytes(6).toString("hex");
  const names = selectServices(scope.services, options.services);
  refuseReservedNames(scope);
  const ports = await PortBook.open(join(paths.run, "ports.json"));
  const selected = names.map((name) => [name, scope.services.get(name) as ServiceOrigin] as const);
  const wantsConsul =
    scope.workspace !== undefined ||
    options.consul !== undefined ||
    selected.some(
      ([, { definition }]) =>
        definition.entry !== undefined || (definition.consul !== undefined && definition.consul !== false),
    );
  const consul =
    wantsConsul && options.consul !== "none"
      ? await planConsul(ctx, scope, { ports, preference: options.consul })
      : undefined;
  const wantsEdge =
    options.edge ??
    scope.workspace?.definition.edge?.enabled ??
    selected.some(([, { definition }]) => definition.entry !== undefined);
  const edge =
    consul !== undefined && wantsEdge ? await planEdge(ctx, scope, { ports, consul: consul.plan }) : undefined;
  const processes: ProcessPlan[] = [
    ...(consul?.process === undefined ? [] : [consul.process]),
    ...(edge === undefined ? [] : [edge.process]),
  ];
  for (const [name, origin] of selected)
    processes.push(
      await planService(ctx, scope, {
        name,
        origin,
        ports,
        consul: consul?.plan,
        ownConsul: consul?.process !== undefined,
        runId: id,
      }),
    );
  await ports.save();
  return {
    id,
    home: scope.home,
    directory: paths.run,
    logs: paths.logs,
    socket: socketPath(ctx, join(paths.run, `${id}.sock`)),
    consul: consul?.plan,
    edge: edge === undefined ? undefined : { address: edge.address },
    processes,
    attached: options.attached,
    flowVersion: ctx.installation.version,
  };
}

function refuseReservedNames({ services }: RunScope): void {
  for (const [name, { repository }] of services) {
    if (!reservedNames.includes(name)) continue;
    const place = `${repository.file}:${repository.lineOf(["services", name])}`;
    throw new FlowError("FLOW_CONFIG_INVALID", `${place}: no service can be called "${name}": flow's own is called so`);
  }
}

/** Paths of Unix sockets hold about 100 bytes; a longer one moves to the runtime directory. */
function socketPath(ctx: FlowContext, path: string): string {
  if (Buffer.byteLength(path) <= 100) return path;
  const base = ctx.env.XDG_RUNTIME_DIR || join("/tmp", `flow-${process.getuid?.() ?? 0}`);
  return join(base, `${createHash("sha256").update(path).digest("hex").slice(0, 16)}.sock`);
}

interface Planned {
  plan: ConsulPlan;
  /** Undefined for an agent that runs elsewhere. */
  process: ProcessPlan | undefined;
}

async function planConsul(
  ctx: FlowContext,
  scope: RunScope,
  { ports, preference }: { ports: PortBook; preference: string | undefined },
): Promise<Planned> {
  const { workspace, home } = scope;
  const choice = await chooseConsul(ctx, {
    preference: preference ?? workspace?.definition.consul ?? "auto",
    ...(workspace === undefined ? {} : { program: join(workspace.paths.bin, "consul") }),
  });
  if (choice.kind === "external") return { plan: { kind: "external", address: choice.address }, process: undefined };
  const port = await ports.take("consul");
  const agent = await consulAgent(ctx, choice, {
    httpPort: port,
    dataDir: runPaths(home).consul,
    nodeName: "flow",
    datacenter: workspace?.definition.datacentre ?? "dc1",
  });
  return {
    plan: { kind: choice.kind, address: agent.address, ...(choice.kind === "real" ? { version: choice.version } : {}) },
    process: {
      name: "consul",
      kind: "infrastructure",
      argv: agent.argv as [string, ...string[]],
      directory: home,
      env: { ...baseEnvironment(ctx, workspace), ...agent.env },
      port,
      // Its address is in the environment of every service already.
      portUse: "fixed",
      depends: {},
      // Answers an error until the agent knows its leader.
      gate: { http: "/v1/health/service/consul" },
      gateTimeoutMs: 30_000,
      settleMs: 0,
      registration: "none",
      restart: infrastructureRestart,
      stop: { signal: "SIGTERM", timeoutMs: 3_000 },
    },
  };
}

async function planEdge(
  ctx: FlowContext,
  scope: RunScope,
  { ports, consul }: { ports: PortBook; consul: ConsulPlan },
): Promise<{ address: string; process: ProcessPlan }> {
  const wanted = scope.workspace?.definition.edge?.port;
  const fixed = typeof wanted === "number";
  const port = await ports.take("edge", fixed ? wanted : undefined);
  return {
    address: `127.0.0.1:${port}`,
    process: {
      name: "edge",
      kind: "infrastructure",
      argv: ctx.installation.entry("edge") as [string, ...string[]],
      directory: scope.home,
      env: {
        ...baseEnvironment(ctx, scope.workspace),
        FLOW_CONSUL_ADDR: consul.address,
        FLOW_EDGE_DEBUG: "1",
        NODE_COMPILE_CACHE: runPaths(scope.home).compileCache,
      },
      port,
      portUse: "fixed",
      depends: consul.kind === "external" ? {} : { consul: "ready" },
      gate: { http: "/-/healthz" },
      gateTimeoutMs: 30_000,
      settleMs: 0,
      registration: "none",
      restart: infrastructureRestart,
      stop: { signal: "SIGTERM", timeoutMs: 5_000 },
    },
  };
}

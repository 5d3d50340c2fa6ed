import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { ServiceOrigin } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError, messageOf } from "../core/errors.ts";
import { run } from "../core/process.ts";
import { shellArgv } from "./argv.ts";
import type { ServiceVariables } from "./environment.ts";
import type { ContainerReference } from "./types.ts";

const engines = ["docker", "podman"] as const;
/** What the engine's own command line needs of the personal environment to find its service and settings. */
const engineVariables = /^(DOCKER_|CONTAINER_|CONTAINERS_|XDG_)/;

export interface ContainerParts {
  /** Directory that the run belongs to. */
  home: string;
  runId: string;
  service: string;
  origin: ServiceOrigin;
  /** What the container gets; of the personal environment it gets nothing. */
  variables: ServiceVariables;
}

export interface ContainerPlan {
  argv: [string, ...string[]];
  container: ContainerReference;
}

/** The variables that the engine's command line runs with, beside those of every service. */
export function engineEnvironment(env: FlowContext["env"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => engineVariables.test(entry[0])),
  );
}

/**
 * The engine's command that runs a service's image in the foreground: its output, signals and exit code are the
 * container's. Values of variables are not on the command line, where everybody could read them.
 * @throws FlowError FLOW_RUN_NO_ENGINE without docker and podman, FLOW_RUN_NO_IMAGE for an image that is not here
 */
export async function planContainer(ctx: FlowContext, parts: ContainerParts): Promise<ContainerPlan> {
  const { home, runId, service, origin, variables } = parts;
  const { image = "", port, containerPort, volumes = [], command = [] } = origin.definition;
  const names = [...Object.keys({ ...variables.plain, ...variables.secrets }), "FLOW_SERVICE"];
  const engine = await findEngine(ctx);
  await requireImage(ctx, engine, image);
  const name = `flow-${runId}-${service}`;
  const label = `flow.home=${digestOf(home)}`;
  const options = [
    ["--rm", "--name", name, "--label", label],
    port === "none" ? [] : ["--publish", `127.0.0.1:{port}:${containerPort ?? "{port}"}`],
    volumes.flatMap((volume) => ["--volume", volumeOption(volume, parts)]),
    names.flatMap((variable) => ["--env", variable]),
    port === "none"
      ? []
      : ["PORT", "FLOW_PORT"].flatMap((variable) => ["--env", `${variable}=${containerPort ?? "{port}"}`]),
  ].flat();
  const args = command.length === 0 ? [] : shellArgv(command);
  return { argv: [engine, "run", ...options, image, ...args], container: { engine, name, label } };
}

/** The first whose service answers. */
async function findEngine(ctx: FlowContext): Promise<string> {
  const problems: string[] = [];
  for (const engine of engines) {
    try {
      await run(ctx, [engine, "version"], { timeoutMs: 20_000 });
      return engine;
    } catch (error) {
      ctx.signal.throwIfAborted();
      problems.push(messageOf(error));
    }
  }
  throw new FlowError("FLOW_RUN_NO_ENGINE", "an image needs docker or podman, and neither answers", {
    cause: problems.join("\n"),
    hint: "install one of them, or start its service",
  });
}

async function requireImage(ctx: FlowContext, engine: string, image: string): Promise<void> {
  const { exitCode } = await run(ctx, [engine, "image", "inspect", image], { okCodes: [0, 1, 125], timeoutMs: 20_000 });
  if (exitCode === 0) return;
  throw new FlowError("FLOW_RUN_NO_IMAGE", `the image ${image} is not on this machine`, {
    hint: `flow run downloads nothing: ${engine} pull ${image}`,
  });
}

/** `data:/path` is a named volume of this service in this directory alone; `./data:/path` a directory beside flow.yaml. */
function volumeOption(volume: string, { home, service, origin }: ContainerParts): string {
  const [source = "", ...rest] = volume.split(":");
  const place = /^[./]/.test(source)
    ? resolve(origin.repository.dir, source)
    : `flow-${digestOf(home)}-${service}-${source}`;
  return [place, ...rest].join(":");
}

function digestOf(home: string): string {
  return createHash("sha256").update(home).digest("hex").slice(0, 12);
}

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { workspacePaths, type WorkspacePaths } from "../core/paths.ts";
import { findWorkspaceRoot } from "./find.ts";
import { workspaceKeys } from "./keys.ts";
import { merge, type Layer } from "./layers.ts";
import { checkServiceGraph, loadRepository, type Repository, type ServiceOrigin } from "./repository.ts";
import { overlayKeys, workspaceFile, type WorkspaceFile } from "./workspace-schema.ts";
import { checkYaml, readYaml } from "./yaml-file.ts";

export interface Workspace {
  readonly definition: WorkspaceFile;
  readonly paths: WorkspacePaths;
  /** Which file or variable gave each value, by dotted key: `consul` → `…/config/local.yaml`. */
  readonly origins: ReadonlyMap<string, string>;
}

/** Loads the workspace around `ctx.cwd` (or FLOW_HOME). @throws FlowError FLOW_NOT_A_WORKSPACE, FLOW_CONFIG_INVALID */
export async function loadWorkspace(ctx: Pick<FlowContext, "cwd" | "env">): Promise<Workspace> {
  const home = await findWorkspaceRoot(ctx);
  if (home === undefined) {
    throw new FlowError("FLOW_NOT_A_WORKSPACE", `${ctx.cwd} is not inside a workspace`, {
      hint: "go to your workspace, or make one: flow bootstrap DIR --org acme --module example.com/acme",
    });
  }
  return await loadWorkspaceAt(home, ctx.env);
}

/**
 * Loads the workspace at `home`. Precedence, lowest first: flow.yaml, config/*.yaml by name, config/dc/<dc>.yaml,
 * config/local.yaml, `FLOW_CONSUL`, `FLOW_DATACENTRE`, `FLOW_EDGE_PORT`.
 */
export async function loadWorkspaceAt(home: string, env: FlowContext["env"]): Promise<Workspace> {
  const path = join(home, "flow.yaml");
  const file = await readYaml(path);
  if (file === undefined) throw new FlowError("FLOW_NOT_A_WORKSPACE", `there is no flow.yaml in ${home}`);
  const base: Layer = { origin: path, value: checkYaml(file, workspaceFile, workspaceKeys) };
  const shared = (await readdir(join(home, "config")).catch(() => []))
    .filter((name) => name.endsWith(".yaml") && name !== "local.yaml")
    .sort()
    .map((name) => join(home, "config", name));
  const beforeDc = [base, ...(await readOverlays(shared))];
  const local = await readOverlays([join(home, "config", "local.yaml")]);
  const variables = environmentLayer(env);
  const dc = merge([...beforeDc, ...local, variables]).value.datacentre;
  const dcFiles = typeof dc === "string" ? await readOverlays([join(home, "config", "dc", `${dc}.yaml`)]) : [];
  const { value, origins } = merge([...beforeDc, ...dcFiles, ...local, variables]);
  const definition = value as WorkspaceFile;
  return { definition, origins, paths: workspacePaths(home, definition.module) };
}

async function readOverlays(paths: readonly string[]): Promise<Layer[]> {
  const overlay = workspaceFile
    .pick(Object.fromEntries(overlayKeys.map((key) => [key, true])) as Record<(typeof overlayKeys)[number], true>)
    .partial();
  const layers: Layer[] = [];
  for (const path of paths) {
    const file = await readYaml(path);
    if (file !== undefined) layers.push({ origin: path, value: checkYaml(file, overlay, overlayKeys) });
  }
  return layers;
}

function environmentLayer(env: FlowContext["env"]): Layer {
  const value: Record<string, unknown> = {};
  if (env.FLOW_CONSUL) value.consul = env.FLOW_CONSUL;
  if (env.FLOW_DATACENTRE) value.datacentre = env.FLOW_DATACENTRE;
  if (env.FLOW_EDGE_PORT) value.edge = { port: env.FLOW_EDGE_PORT === "auto" ? "auto" : Number(env.FLOW_EDGE_PORT) };
  const result = workspaceFile.partial().safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new FlowError(
      "FLOW_CONFIG_INVALID",
      `FLOW_${String(issue?.path.join("_")).toUpperCase()}: ${issue?.message ?? "invalid"}`,
    );
  }
  return { origin: "environment", value };
}

/** The repositories of a workspace that are there (cloned or made). */
export async function loadRepositories(workspace: Workspace): Promise<Repository[]> {
  const repositories: Repository[] = [];
  for (const name of Object.keys(workspace.definition.repositories ?? {})) {
    const dir = join(workspace.paths.source, name);
    if (existsSync(join(dir, "flow.yaml"))) repositories.push(await loadRepository(dir));
  }
  return repositories;
}

/** All services of a workspace by name. @throws FlowError FLOW_CONFIG_INVALID */
export async function loadServices(workspace: Workspace): Promise<Map<string, ServiceOrigin>> {
  return checkServiceGraph(await loadRepositories(workspace));
}

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  checkServiceGraph,
  findRepository,
  findWorkspaceRoot,
  loadRepository,
  loadServices,
  loadWorkspaceAt,
  type ServiceOrigin,
  type Workspace,
} from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { writeNew } from "../core/files.ts";
import { suggest } from "../core/suggest.ts";
import { runPaths } from "./home.ts";

/** What `flow run` runs: a workspace, or a plain directory with a flow.yaml. */
export interface RunScope {
  workspace: Workspace | undefined;
  /** The workspace's root, or the directory of the flow.yaml. */
  home: string;
  services: ReadonlyMap<string, ServiceOrigin>;
}

/** @throws FlowError FLOW_CONFIG_NOT_FOUND, FLOW_CONFIG_INVALID */
export async function findScope(ctx: FlowContext): Promise<RunScope> {
  const root = await findWorkspaceRoot(ctx);
  if (root !== undefined) {
    const workspace = await loadWorkspaceAt(root, ctx.env);
    return { workspace, home: root, services: await loadServices(workspace) };
  }
  const home = findRepository(ctx.cwd);
  const repository = await loadRepository(home ?? ctx.cwd);
  return { workspace: undefined, home: repository.dir, services: checkServiceGraph([repository]) };
}

/** Makes the directories of a run; in a plain directory git shall not see them. */
export async function prepareDirectories(home: string): Promise<void> {
  const paths = runPaths(home);
  for (const path of [paths.run, paths.logs]) await mkdir(path, { recursive: true, mode: 0o700 });
  if (!existsSync(join(home, "bin"))) await writeNew(join(paths.state, ".gitignore"), "*\n");
}

/** The services named and all they depend on; without names all. @throws FlowError FLOW_USAGE for an unknown name */
export function selectServices(services: ReadonlyMap<string, ServiceOrigin>, names: readonly string[]): string[] {
  if (names.length === 0) return [...services.keys()];
  const selected = new Set<string>();
  const visit = (name: string): void => {
    const origin = services.get(name);
    if (origin === undefined) {
      throw new FlowError("FLOW_USAGE", `there is no service "${name}"`, {
        hint: suggest(name, [...services.keys()], { plural: "services" }),
      });
    }
    if (selected.has(name)) return;
    selected.add(name);
    Object.keys(origin.definition.depends ?? {}).forEach(visit);
  };
  names.forEach(visit);
  return [...selected];
}

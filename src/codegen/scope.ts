import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  findRepository,
  findWorkspaceRoot,
  loadRepositories,
  loadRepository,
  loadWorkspaceAt,
  type Repository,
  type Workspace,
} from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { readJson } from "../core/json.ts";

/** What code is generated for: the repositories of a workspace together, or one repository alone. */
export type CodegenTarget = { workspace: Workspace } | { repository: string };

export interface ProtoModule {
  /** Its directory's name in the assembled tree. */
  name: string;
  /** Absolute directory that imports are relative to. */
  dir: string;
  /** Paths of its protos relative to `dir`, sorted. */
  files: readonly string[];
}

export interface CodegenRepository extends Repository {
  /** `name` of its package.json: what other repositories import it by. */
  packageName: string | undefined;
  protos: ProtoModule;
}

export interface CodegenScope {
  /** `.flow/gen`: assembled tree, descriptors, stamp. */
  stateDir: string;
  repositories: readonly CodegenRepository[];
  /** Protos that flow ships: flow/options.proto, google/api, google/rpc. */
  shipped: ProtoModule;
  workspace: Workspace | undefined;
}

/** The workspace around `ctx.cwd`, else the repository. @throws FlowError FLOW_NOT_A_WORKSPACE when there is neither */
export async function findTarget(ctx: FlowContext): Promise<CodegenTarget> {
  const home = await findWorkspaceRoot(ctx);
  if (home !== undefined) return { workspace: await loadWorkspaceAt(home, ctx.env) };
  const repository = findRepository(ctx.cwd);
  if (repository !== undefined) return { repository };
  throw new FlowError(
    "FLOW_NOT_A_WORKSPACE",
    `${ctx.cwd} is neither in a workspace nor in a repository with a flow.yaml`,
    {
      hint: "go to your workspace, or make one: flow bootstrap DIR --org acme --module example.com/acme",
    },
  );
}

export async function loadScope(ctx: FlowContext, target: CodegenTarget): Promise<CodegenScope> {
  const workspace = "workspace" in target ? target.workspace : undefined;
  const repositories =
    "workspace" in target ? await loadRepositories(target.workspace) : [await loadRepository(target.repository)];
  return {
    workspace,
    stateDir: workspace?.paths.gen ?? join(repositories[0]?.dir ?? ctx.cwd, ".flow", "gen"),
    repositories: await Promise.all(repositories.map(describeRepository)),
    shipped: await protoModule("goflow", shippedProtos(ctx, workspace)),
  };
}

async function describeRepository(repository: Repository): Promise<CodegenRepository> {
  const manifest = (await readJson(join(repository.dir, "package.json"))) as { name?: unknown } | undefined;
  return {
    ...repository,
    packageName: typeof manifest?.name === "string" ? manifest.name : undefined,
    protos: await protoModule(repository.name, join(repository.dir, "proto")),
  };
}

async function protoModule(name: string, dir: string): Promise<ProtoModule> {
  const files = existsSync(dir) ? await readdir(dir, { recursive: true }) : [];
  return { name, dir, files: files.filter((file) => file.endsWith(".proto")).sort() };
}

/** Services compile against the goflow of their mirror; its protos go before those of the flow that runs. */
function shippedProtos(ctx: FlowContext, workspace: Workspace | undefined): string {
  const roots = [
    ...(workspace === undefined ? [] : [join(workspace.paths.nodeModules, "goflow")]),
    ctx.installation.root,
  ];
  const candidates = roots.flatMap((root) => [
    join(root, "dist", "runtime", "proto"),
    join(root, "src", "runtime", "proto"),
  ]);
  const found = candidates.find((dir) => existsSync(join(dir, "flow", "options.proto")));
  if (found === undefined) {
    throw new FlowError("FLOW_GEN_FAILED", "flow/options.proto is not there", {
      hint: `the goflow package is incomplete; looked in ${candidates.join(", ")}`,
    });
  }
  return found;
}

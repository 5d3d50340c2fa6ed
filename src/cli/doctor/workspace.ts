import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { findWorkspaceRoot, loadServices, loadWorkspaceAt, type Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { check, type CheckResult, type Finding } from "./check.ts";

/** Checks of the workspace around `ctx.cwd`; none outside of one. */
export async function checkWorkspace(ctx: FlowContext): Promise<CheckResult[]> {
  const root = await findWorkspaceRoot(ctx);
  if (root === undefined) return [];
  let workspace: Workspace | undefined;
  const configuration = await check("configuration", async () => {
    workspace = await loadWorkspaceAt(root, ctx.env);
    const services = await loadServices(workspace);
    return { status: "ok", detail: `${workspace.paths.file}, ${services.size} services` };
  });
  if (workspace === undefined) return [configuration];
  const found = workspace;
  return [
    configuration,
    await check("activation", () => checkActivation(ctx, found)),
    await check("mirror", () => checkMirror(ctx, found)),
    await check("tools", () => checkTools(ctx, found)),
    await check("Consul", () => checkConsul(ctx, found)),
    await check("ports", () => checkPorts(found)),
  ];
}

async function checkMirror(ctx: FlowContext, { paths }: Workspace): Promise<Finding> {
  const { describeClone, examineMirror, mirrorStatus, openMirror } = await import("../../vendoring/index.ts");
  const mirror = await openMirror(ctx, paths.mirror);
  const statuses = await mirrorStatus(ctx, mirror);
  const { shallow, sparse } = await describeClone(ctx, mirror);
  const named = (state: string) => statuses.filter((status) => status.state === state).map(({ prefix }) => prefix);
  const [missing, modified, patched] = [named("missing"), named("modified"), named("patched")];
  if (missing.length > 0) {
    return {
      status: "problem",
      detail: `${missing.join(", ")} recorded, but gone`,
      fix: `git -C ${paths.mirror} log -- ${missing[0]} tells who removed it`,
    };
  }
  const here = statuses.filter(({ inWorkTree }) => inWorkTree).length;
  const detail = [
    `${statuses.length} packages and sources, ${patched.length} patched`,
    ...(sparse ? [`${here} in the work tree`] : []),
    ...(shallow ? ["without older history (flow vendor unshallow)"] : []),
  ].join(", ");
  const mistaken = (await examineMirror(ctx, mirror)).filter((found) => found.mistaken !== undefined);
  if (mistaken.length > 0) {
    return {
      status: "warning",
      detail: `${detail}; a forge squashed what brought ${mistaken.map(({ prefix }) => prefix).join(", ")}: git subtree by hand would merge wrongly`,
      fix: "flow vendor doctor --repair",
    };
  }
  if (modified.length === 0) return { status: "ok", detail };
  return {
    status: "warning",
    detail: `${detail}; not committed: ${modified.join(", ")}`,
    fix: "commit there to make it a patch; flow vendor status names the files",
  };
}

async function checkTools(ctx: FlowContext, workspace: Workspace): Promise<Finding> {
  const { listTools } = await import("../../toolchain/index.ts");
  const tools = await listTools(ctx, workspace);
  const wrong = tools.filter(({ state }) => state !== "installed");
  if (wrong.length === 0)
    return { status: "ok", detail: tools.map(({ name, installed }) => `${name} ${installed}`).join(", ") };
  return {
    status: "problem",
    detail: wrong.map(({ name, state }) => `${name} is ${state}`).join(", "),
    fix: "flow tool install",
  };
}

async function checkConsul(ctx: FlowContext, { definition, paths }: Workspace): Promise<Finding> {
  const { chooseConsul } = await import("../../consul/index.ts");
  const choice = await chooseConsul(ctx, {
    preference: definition.consul ?? "auto",
    program: join(paths.bin, "consul"),
  });
  if (choice.kind === "real") return { status: "ok", detail: `real agent ${choice.version} (${choice.path})` };
  if (choice.kind === "external") return { status: "ok", detail: `an agent that runs already, ${choice.address}` };
  return { status: "ok", detail: "embedded agent; flow tool install consul brings the real one" };
}

/** Sticky ports that somebody else took: flow moves on to others, but a person who bookmarked one wonders. */
async function checkPorts({ paths }: Workspace): Promise<Finding> {
  const { foreignPorts } = await import("../../runner/index.ts");
  const taken = await foreignPorts(paths.home);
  if (taken.length === 0) return { status: "ok", detail: "the services' ports are free, or theirs" };
  const list = taken.map(
    ({ name, port, owner }) => `${port} of ${name}${owner === undefined ? "" : ` by process ${owner}`}`,
  );
  return {
    status: "warning",
    detail: `taken by others: ${list.join(", ")}`,
    fix: "flow run gives these services other ports",
  };
}

async function checkActivation(ctx: FlowContext, { paths }: Workspace): Promise<Finding> {
  await access(paths.bin, constants.R_OK);
  if ((ctx.env.PATH ?? "").split(delimiter)[0] === paths.bin)
    return { status: "ok", detail: `${paths.bin} is first on PATH` };
  return {
    status: "warning",
    detail: "the workspace's tools are not on PATH",
    fix: `source ${paths.home}/flow.sh, or use flow exec -- COMMAND`,
  };
}

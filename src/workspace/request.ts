import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { findWorkspaceRoot, loadWorkspaceAt, workspaceFile, type WorkspaceFile } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError, systemCode } from "../core/errors.ts";
import { Git } from "../core/git/index.ts";
import { nearest } from "../core/suggest.ts";
import { readJournal, type Journal } from "./journal.ts";

export interface BootstrapOptions {
  /** Where the workspace is or shall be, relative to `ctx.cwd`. */
  directory: string;
  /** npm scope of the team, without the @. Needed for a new workspace. */
  organization?: string;
  /** Import path of the team's code, such as example.com/acme. Needed for a new workspace. */
  module?: string;
  /** Git URL of the mirror. Default: a bare repository in the workspace. */
  mirror?: string;
  /** Example repository to make. */
  example?: string;
  /** Git URL of a team's workspace to join instead of making one. */
  from?: string;
  /** Whether the mirror is cloned with everything in it. Default: the newest state of what the workspace needs. */
  full?: boolean;
}

/** The mirror's URL in flow.yaml when it is the bare repository inside the workspace. */
export const embeddedMirror = "./mirror.git";

export const examples = ["shop"] as const;

/**
 * What is to be done at `home`: what is asked for now, together with what an interrupted run was asked for.
 * @throws FlowError FLOW_DIRECTORY_NOT_EMPTY, FLOW_WORKSPACE_MISMATCH, FLOW_USAGE
 */
export async function readRequest(ctx: FlowContext, home: string, options: BootstrapOptions): Promise<Journal> {
  const { directory: _, ...given } = options;
  const asked: Omit<Journal, "done"> = {
    ...given,
    ...(given.mirror === undefined ? {} : { mirror: checkUrl(ctx, given.mirror, "--mirror") }),
    ...(given.from === undefined ? {} : { from: checkUrl(ctx, given.from, "--from") }),
  };
  checkNames(asked);
  const journal = await readJournal(home);
  if (await isWorkspace(home)) {
    await checkSameWorkspace(ctx, home, asked);
  } else {
    await checkOutside(home);
    if (journal === undefined) await checkEmpty(home);
  }
  const request: Journal = { ...journal, ...asked, done: journal?.done ?? [] };
  if (
    !(await isWorkspace(home)) &&
    request.from === undefined &&
    (request.organization === undefined || request.module === undefined)
  ) {
    throw new FlowError("FLOW_USAGE", `${home} is no workspace yet: making one needs --org and --module`, {
      hint: `flow bootstrap ${options.directory} --org acme --module example.com/acme\nor, to join one: flow bootstrap --from GIT-URL ${options.directory}`,
    });
  }
  return request;
}

async function isWorkspace(home: string): Promise<boolean> {
  return existsSync(join(home, "flow.yaml")) && existsSync(join(home, ".git"));
}

/** Inside another workspace, Node's upward lookup would find that one's packages too. */
async function checkOutside(home: string): Promise<void> {
  const other = await findWorkspaceRoot({ cwd: dirname(home), env: {} });
  if (other === undefined) return;
  throw new FlowError("FLOW_WORKSPACE_MISMATCH", `${home} lies inside the workspace ${other}`, {
    hint: "workspaces lie side by side: choose a directory outside of it",
  });
}

async function checkEmpty(home: string): Promise<void> {
  try {
    // A run that was killed at once left nothing but the directory of its state.
    const entries = (await readdir(home)).filter((name) => name !== ".flow");
    if (entries.length === 0) return;
    throw new FlowError("FLOW_DIRECTORY_NOT_EMPTY", `${home} is not empty and no workspace`, {
      cause: `it holds ${entries.slice(0, 5).join(", ")}${entries.length > 5 ? ", …" : ""}`,
      hint: "choose another directory, or empty this one",
    });
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    if (systemCode(error) !== "ENOTDIR") throw error;
    throw new FlowError("FLOW_DIRECTORY_NOT_EMPTY", `${home} is not a directory`, { hint: "choose another name" });
  }
}

function checkNames({ organization, module, example, from }: Omit<Journal, "done">): void {
  if (from !== undefined && (organization ?? module ?? example) !== undefined) {
    throw new FlowError(
      "FLOW_USAGE",
      "--from joins a workspace as it is: --org, --module and --example are for a new one",
    );
  }
  for (const [option, key, value] of [
    ["--org", "organization", organization],
    ["--module", "module", module],
  ] as const) {
    const result = value === undefined ? undefined : workspaceFile.shape[key].safeParse(value);
    if (result?.success === false)
      throw new FlowError("FLOW_USAGE", `${option} ${value}: ${result.error.issues[0]?.message}`);
  }
  if (example !== undefined && !examples.includes(example as (typeof examples)[number])) {
    const suggestion = nearest(example, examples);
    throw new FlowError("FLOW_USAGE", `there is no example "${example}"`, {
      hint: suggestion === undefined ? `examples are: ${examples.join(", ")}` : `did you mean "${suggestion}"?`,
    });
  }
}

/** A path is made absolute; what git would take for an option is refused. */
function checkUrl(ctx: FlowContext, url: string, option: string): string {
  if (url === "" || url.startsWith("-"))
    throw new FlowError("FLOW_USAGE", `${option} ${url}: must be a git URL or a path`);
  return existsSync(resolve(ctx.cwd, url)) ? resolve(ctx.cwd, url) : url;
}

async function checkSameWorkspace(ctx: FlowContext, home: string, asked: Omit<Journal, "done">): Promise<void> {
  const { definition } = await loadWorkspaceAt(home, ctx.env);
  const differing = differences(definition, asked);
  if (asked.from !== undefined) {
    const { stdout } = await new Git(ctx, home).run(["remote", "get-url", "origin"], { okCodes: [0, 2, 128] });
    if (stdout.trim() !== asked.from) differing.push(`it was not cloned from ${asked.from}`);
  }
  if (differing.length === 0) return;
  throw new FlowError("FLOW_WORKSPACE_MISMATCH", `${home} is another workspace than the one asked for`, {
    cause: differing.join("\n"),
    hint: `leave these options out to go on with what is there, or choose another directory`,
  });
}

function differences(definition: WorkspaceFile, asked: Omit<Journal, "done">): string[] {
  const pairs = [
    ["organization", definition.organization, asked.organization],
    ["module", definition.module, asked.module],
    ["mirror", definition.mirror.url, asked.mirror],
  ] as const;
  return pairs.flatMap(([key, is, wanted]) =>
    wanted === undefined || wanted === is ? [] : [`its ${key} is ${is}, not ${wanted}`],
  );
}

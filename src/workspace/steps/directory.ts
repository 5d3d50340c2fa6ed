import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { workspaceFile } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { skipStep, step, type StepControl } from "../../core/events.ts";
import { removeTree } from "../../core/files.ts";
import { clone, firstCommit, Git, hasCommits } from "../../core/git/index.ts";
import { layOut } from "../../core/templates.ts";
import { defaultTools } from "../../toolchain/index.ts";
import type { Journal } from "../journal.ts";
import { embeddedMirror } from "../request.ts";
import { mirrorNotPublished } from "./mirror.ts";

interface Options {
  request: Journal;
  /** Whether the directory was not there before: then nothing of it stays when this step fails. */
  isNew: boolean;
}

/** The workspace as a git repository with its first commit, or cloned from the team's. */
export async function makeDirectory(ctx: FlowContext, home: string, { request, isNew }: Options): Promise<void> {
  const git = new Git(ctx, home);
  const described = {
    id: "bootstrap.directory",
    title: request.from === undefined ? `Making the workspace ${home}` : `Cloning the workspace into ${home}`,
  };
  if (existsSync(join(home, "flow.yaml")) && existsSync(join(home, ".git")) && (await hasCommits(git))) {
    skipStep(ctx, { ...described, title: "Workspace", detail: home });
    return;
  }
  try {
    await step(ctx, described, (control) =>
      request.from === undefined ? create(ctx, git, request) : takeTeams(ctx, git, { url: request.from, control }),
    );
  } catch (error) {
    if (isNew) await removeTree(home);
    throw error;
  }
}

async function create(ctx: FlowContext, git: Git, request: Journal): Promise<void> {
  const { organization = "", module = "", mirror = embeddedMirror, example } = request;
  const tools = Object.entries(defaultTools).map(([name, tool]) => `\n  ${name}: ${inlineYaml(tool)}`);
  const values = {
    organization,
    module,
    mirror: JSON.stringify(mirror),
    repositories: example === undefined ? " {}" : `\n  ${example}: {}`,
    tools: tools.join(""),
  };
  await layOut(ctx, "workspace", { dir: git.dir, values });
  await firstCommit(ctx, git.dir, `Make the workspace of ${organization}\n\nBy flow ${ctx.installation.version}.\n`);
}

/** `{ npm: "x", bin: "y" }`: YAML takes JSON's quoted strings as they are. */
function inlineYaml(tool: object): string {
  return `{ ${Object.entries(tool)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join(", ")} }`;
}

async function takeTeams(
  ctx: FlowContext,
  git: Git,
  { url, control }: { url: string; control: StepControl },
): Promise<void> {
  const { dir: home } = git;
  const staging = join(home, ".flow", "clone");
  if (!existsSync(join(home, ".git"))) {
    await removeTree(staging);
    const onProgress = (line: string) => control.progress(line);
    await checkClone(await clone(ctx, { url, dir: staging, checkout: false, onProgress }), url);
    await rename(join(staging, ".git"), join(home, ".git"));
    await removeTree(staging);
  }
  await git.run(["reset", "--quiet", "--hard"]);
}

/** Refuses what cannot become a workspace before any of it is in place. */
async function checkClone(git: Git, url: string): Promise<void> {
  if (!(await hasCommits(git))) throw notAWorkspace(url, "the repository is empty");
  const { stdout, exitCode } = await git.run(["show", "HEAD:flow.yaml"], { okCodes: [0, 128] });
  if (exitCode !== 0) throw notAWorkspace(url, "it holds no flow.yaml");
  const definition = workspaceFile.pick({ organization: true, mirror: true }).loose().safeParse(parse(stdout));
  if (!definition.success) throw notAWorkspace(url, "its flow.yaml is a repository's");
  if (definition.data.mirror.url === embeddedMirror) throw mirrorNotPublished();
}

function notAWorkspace(url: string, why: string): FlowError {
  return new FlowError("FLOW_NOT_A_WORKSPACE", `${url} is no workspace: ${why}`, {
    hint: "a workspace's flow.yaml names organization, module and mirror. Is this a business repository? Join its team's workspace instead",
  });
}

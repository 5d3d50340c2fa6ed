import { existsSync } from "node:fs";
import { mkdir, realpath, rmdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { generate } from "../codegen/index.ts";
import { loadWorkspaceAt } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { step } from "../core/events.ts";
import { withLock } from "../core/lock.ts";
import { useNode } from "../toolchain/index.ts";
import { writeJournal } from "./journal.ts";
import { refreshWorkspace } from "./refresh.ts";
import { readRequest, type BootstrapOptions } from "./request.ts";
import { makeDirectory } from "./steps/directory.ts";
import { makeExample } from "./steps/example.ts";
import { bringFlow } from "./steps/flow.ts";
import { bringMirror } from "./steps/mirror.ts";
import { bringRepositories } from "./steps/repositories.ts";
import { isMaker } from "./steps/state.ts";
import { bringTools } from "./steps/tools.ts";

export interface BootstrapResult {
  home: string;
  organization: string;
  module: string;
  /** URL of the mirror; `./mirror.git` is the one inside the workspace. */
  mirror: string;
  /** Names of the repositories that are there. */
  repositories: string[];
  tools: { name: string; version: string }[];
}

/**
 * Makes a workspace, joins a team's, or mends one that is there: each step looks at what is there and does what is
 * missing. After Ctrl-C, a crash or a failure the next run goes on. Steps are `bootstrap.directory`, `.node`,
 * `.mirror`, `.flow`, `.repositories`, `.example`, `.tools`, `.links` and `.generate`.
 * @throws FlowError FLOW_DIRECTORY_NOT_EMPTY, FLOW_WORKSPACE_MISMATCH, FLOW_MIRROR_NOT_PUBLISHED, and those of the parts
 */
export async function bootstrapWorkspace(ctx: FlowContext, options: BootstrapOptions): Promise<BootstrapResult> {
  const asked = resolve(ctx.cwd, options.directory);
  const request = await readRequest(ctx, asked, options);
  const isNew = !existsSync(asked);
  await mkdir(join(asked, ".flow"), { recursive: true });
  // Node resolves packages by real paths, so everything is written with them.
  const home = await realpath(asked);
  return await withLock(
    ctx,
    join(home, ".flow", "bootstrap.lock"),
    { purpose: "bootstrapping this workspace" },
    async () => {
      await writeJournal(home, request);
      await makeDirectory(ctx, home, { request, isNew });
      const state = { request, home };
      let workspace = await loadWorkspaceAt(home, ctx.env);
      const bringNode = () => useNode(ctx, workspace.paths, { step: "bootstrap.node" });
      // A team's mirror may hold Node, so that no other host is asked.
      if (isMaker(state)) await bringNode();
      const mirror = await bringMirror(ctx, workspace, state);
      if (!isMaker(state)) await bringNode();
      await bringFlow(ctx, workspace, { ...state, mirror });
      await bringRepositories(ctx, workspace, state);
      workspace = await makeExample(ctx, workspace, { ...state, mirror });
      const tools = await bringTools(ctx, workspace);
      await step(ctx, { id: "bootstrap.links", title: "Linking packages" }, async ({ result }) => {
        const { links } = await refreshWorkspace(ctx, workspace);
        result(`${links} in node_modules`);
      });
      await step(ctx, { id: "bootstrap.generate", title: "Generating code" }, () => generate(ctx, { workspace }));
      const { organization, module, mirror: reference, repositories } = workspace.definition;
      return {
        home,
        organization,
        module,
        mirror: reference.url,
        repositories: Object.keys(repositories ?? {}).filter((name) => existsSync(join(workspace.paths.source, name))),
        tools: tools.map(({ name, version }) => ({ name, version })),
      };
    },
  ).catch(async (error: unknown) => {
    // What a refused first step leaves is an empty directory that was not there before.
    if (isNew) await rmdir(asked).catch(() => {});
    throw error;
  });
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RepositoryReference, Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { skipStep, step, warn } from "../../core/events.ts";
import { stageDirectory, sweepStaging } from "../../core/files.ts";
import { clone } from "../../core/git/index.ts";
import type { BootstrapState } from "./state.ts";

/** Clones the repositories of flow.yaml that are not there yet. */
export async function bringRepositories(
  ctx: FlowContext,
  workspace: Workspace,
  { request }: BootstrapState,
): Promise<void> {
  const { paths, definition } = workspace;
  const described = { id: "bootstrap.repositories", title: "Repositories" };
  const missing = Object.entries(definition.repositories ?? {}).filter(
    ([name]) => !existsSync(join(paths.source, name)),
  );
  const clonable = missing.filter(([, { url }]) => url !== undefined);
  for (const [name, { url }] of missing) {
    if (url !== undefined || name === request.example) continue;
    warn(ctx, `repository ${name} has no url in flow.yaml and is not here: it exists in its maker's workspace only`);
  }
  if (clonable.length === 0) {
    skipStep(ctx, { ...described, detail: missing.length === 0 ? "all are there" : "none to clone" });
    return;
  }
  await step(ctx, described, async ({ progress, result }) => {
    for (const [index, [name, reference]] of clonable.entries()) {
      progress(name, index, clonable.length);
      await bring(ctx, join(paths.source, name), reference);
    }
    result(clonable.map(([name]) => name).join(", "));
  });
}

async function bring(ctx: FlowContext, target: string, { url = "", ref }: RepositoryReference): Promise<void> {
  await sweepStaging(target);
  await stageDirectory(target, async (staging) => {
    await clone(ctx, { url, dir: staging, ...(ref === undefined ? {} : { ref }) });
  });
}

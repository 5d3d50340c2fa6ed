import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { skipStep, step } from "../../core/events.ts";
import { stageDirectory, sweepStaging } from "../../core/files.ts";
import { Git } from "../../core/git/index.ts";
import {
  cloneMirror,
  completeMirror,
  describeClone,
  makeBareMirror,
  neededDirectories,
  openMirror,
  type Mirror,
} from "../../vendoring/index.ts";
import { mirrorStore } from "../mirror.ts";
import { workspaceNeeds } from "../needs.ts";
import { embeddedMirror } from "../request.ts";
import { isMaker, type BootstrapState } from "./state.ts";

/** The mirror's checkout, cloned from its remote; the embedded remote is made first. */
export async function bringMirror(ctx: FlowContext, workspace: Workspace, state: BootstrapState): Promise<Mirror> {
  const { paths, definition } = workspace;
  const described = { id: "bootstrap.mirror", title: "Mirror" };
  if (existsSync(join(paths.mirror, ".git"))) {
    const mirror = await openMirror(ctx, paths.mirror);
    if (state.request.full === true && (await completeMirror(ctx, mirror))) return await openMirror(ctx, mirror.dir);
    skipStep(ctx, { ...described, detail: definition.mirror.url });
    return mirror;
  }
  return await step(ctx, described, async ({ progress, result }) => {
    const embedded = definition.mirror.url === embeddedMirror;
    if (embedded) await makeRemote(ctx, workspace, state);
    const url = embedded ? paths.mirrorRemote : definition.mirror.url;
    // The mirror inside the workspace holds what the workspace needs, and costs nothing but links.
    const isWhole = embedded || state.request.full === true;
    const needs = await workspaceNeeds(workspace);
    const mirror = await cloneMirror(ctx, {
      dir: paths.mirror,
      url,
      ...(isWhole ? {} : { cone: (held) => neededDirectories(held, needs) }),
      ...(embedded ? {} : { store: mirrorStore(ctx) }),
      onProgress: progress,
    });
    const { sparse } = await describeClone(ctx, mirror);
    const count = `${Object.keys(mirror.manifest.prefixes).length} packages`;
    result(`${definition.mirror.url}, ${sparse ? `what is needed here of its ${count}` : count}`);
    return mirror;
  });
}

/** @throws FlowError FLOW_MIRROR_NOT_PUBLISHED in a workspace that was made elsewhere */
async function makeRemote(ctx: FlowContext, { paths }: Workspace, state: BootstrapState): Promise<void> {
  if (existsSync(paths.mirrorRemote)) return;
  if (!isMaker(state)) throw mirrorNotPublished();
  await sweepStaging(paths.mirrorRemote);
  await stageDirectory(paths.mirrorRemote, async (staging) => {
    await makeBareMirror(new Git(ctx, staging), staging);
  });
}

export function mirrorNotPublished(): FlowError {
  return new FlowError("FLOW_MIRROR_NOT_PUBLISHED", "this workspace's mirror is on the machine that it was made on", {
    cause: `mirror.url in flow.yaml is ${embeddedMirror}, a bare repository inside of that workspace`,
    hint: "there, publish it: flow bootstrap --publish-mirror GIT-URL; push the workspace; then run this again",
  });
}

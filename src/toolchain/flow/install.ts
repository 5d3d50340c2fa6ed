import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { Git } from "../../core/git/index.ts";
import { bringTrees, bringUpstream, openMirror, upstreamRef } from "../../vendoring/index.ts";
import { exportTrees } from "../export-trees.ts";
import { ensureGeneration, flowVersionOf, setParts } from "../generation/index.ts";
import { trustedKeys } from "../self-update/find.ts";
import { verifyRelease } from "../self-update/verify.ts";
import { placeFlow, writeLauncher } from "./payload.ts";
import { flowPrefix } from "./prefix.ts";

/**
 * The first flow of a workspace, out of its mirror: the version that flow.yaml pins, else the one at the mirror's head.
 * A workspace that has one keeps it: moving is what `flow self-update` is for. Where flow.yaml names keys, it must be signed.
 * @param options.follow take the mirror's whatever is in use and whoever made it, as in a checkout's own workspace
 * @throws FlowError FLOW_UPDATE_NONE, FLOW_UPDATE_UNTRUSTED, FLOW_UPDATE_BAD_RELEASE
 */
export async function installFlow(
  ctx: FlowContext,
  workspace: Workspace,
  { follow }: { follow: boolean },
): Promise<void> {
  const { paths, definition } = workspace;
  const generation = await ensureGeneration(paths);
  const inUse = await flowVersionOf(generation);
  if (follow || inUse === undefined || !existsSync(join(paths.flow, inUse))) {
    const mirror = await openMirror(ctx, paths.mirror);
    const git = new Git(ctx, mirror.dir);
    const head = mirror.manifest.prefixes[flowPrefix]?.version;
    const version = inUse ?? definition.flow ?? head;
    const wanted = follow && head !== undefined ? head : version;
    const tree = wanted === head ? `HEAD:${flowPrefix}` : `${upstreamRef(flowPrefix, wanted ?? "")}^{tree}`;
    if (wanted !== undefined && wanted !== head) await bringUpstream(ctx, mirror, flowPrefix);
    if (wanted === undefined || !(await git.test(["rev-parse", "--verify", "--quiet", tree]).catch(() => false)))
      throw notInMirror(wanted, definition.mirror.url);
    const keys = definition.update?.keys;
    await placeFlow(paths, {
      version: wanted,
      fill: async (directory) => {
        await bringTrees(ctx, mirror.dir, [tree]);
        await exportTrees(git, [{ tree, place: "" }], directory);
      },
      ...(follow || keys === undefined
        ? {}
        : {
            check: async (directory) =>
              verifyRelease(directory, { version: wanted, trusted: await trustedKeys(workspace) }),
          }),
    });
    await setParts(paths, generation, { flow: wanted });
  }
  await writeLauncher(paths);
}

function notInMirror(version: string | undefined, url: string): FlowError {
  return new FlowError(
    "FLOW_UPDATE_NONE",
    `the mirror ${url} holds no flow${version === undefined ? "" : ` ${version}`}`,
    {
      hint: "bring it there: flow vendor add file:goflow-VERSION.tgz; flow vendor push",
    },
  );
}

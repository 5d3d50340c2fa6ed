import { editYaml, type Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError, isFlowError } from "../core/errors.ts";
import { warn } from "../core/events.ts";
import { Git, identityEnvironment } from "../core/git/index.ts";
import { holdNode } from "../toolchain/index.ts";
import { openMirror, pushMirror } from "../vendoring/index.ts";
import { addOptions } from "./steps/state.ts";

/**
 * Moves the mirror to where the team can reach it: brings Node into it, pushes it there, and names it in flow.yaml with a commit.
 * The former remote stays as it is.
 * @throws FlowError FLOW_VENDOR_REJECTED (then nothing has changed)
 */
export async function publishMirror(
  ctx: FlowContext,
  workspace: Workspace,
  url: string,
): Promise<{ from: string; to: string }> {
  const { paths, definition } = workspace;
  const from = definition.mirror.url;
  if (url.startsWith("-") || url === "") throw new FlowError("FLOW_USAGE", `"${url}" is no git URL`);
  const { dir } = await openMirror(ctx, paths.mirror);
  const git = new Git(ctx, dir);
  const old = await git.text(["remote", "get-url", "origin"]);
  await git.run(["remote", "set-url", "origin", url]);
  try {
    await holdNode(ctx, { dir, platforms: definition.platforms }, addOptions(ctx, workspace)).catch(
      (error: unknown) => {
        if (!isFlowError(error, "FLOW_VENDOR_FETCH")) throw error;
        warn(ctx, `the mirror goes without Node: ${error.message}. New machines will fetch it from their registry`);
      },
    );
    await pushMirror(ctx, dir);
  } catch (error) {
    await git.run(["remote", "set-url", "origin", old]);
    throw error;
  }
  await editYaml(paths.file, (document) => document.setIn(["mirror", "url"], url));
  const home = new Git(ctx, paths.home);
  const env = await identityEnvironment(home);
  const message = `Publish the mirror\n\nIt was ${from}.\n`;
  await home.run(["commit", "--quiet", "--no-verify", "-m", message, "--", "flow.yaml"], { env, okCodes: [0, 1] });
  return { from, to: url };
}

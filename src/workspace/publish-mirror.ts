import { editYaml, type Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { Git, identityEnvironment } from "../core/git/index.ts";
import { openMirror, pushMirror } from "../vendoring/index.ts";

/**
 * Moves the mirror to where the team can reach it: pushes it there, and names it in flow.yaml with a commit.
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

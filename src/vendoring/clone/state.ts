import type { FlowContext } from "../../core/context.ts";
import { Git } from "../../core/git/index.ts";
import type { Mirror } from "../types.ts";

/** What a clone of the mirror has of it. */
export interface CloneState {
  /** Older history is at the remote alone. */
  shallow: boolean;
  /** Contents of files are fetched when they are needed; gitglossary(7) calls it a partial clone. */
  partial: boolean;
  /** Only some of the prefixes lie in the work tree. */
  sparse: boolean;
}

/** How a clone was made; asks no remote. */
export async function cloneState(git: Git): Promise<CloneState> {
  const wanted = String.raw`^(core\.sparsecheckout|extensions\.partialclone|remote\..*\.promisor)$`;
  const settings = await git.text(["config", "--get-regexp", wanted], { okCodes: [0, 1] });
  return {
    shallow: await isShallow(git),
    partial: /^(extensions\.partialclone \S|remote\..*\.promisor true$)/m.test(settings),
    sparse: /^core\.sparsecheckout true$/m.test(settings),
  };
}

/** {@link cloneState} of a mirror. */
export async function describeClone(ctx: FlowContext, { dir }: Mirror): Promise<CloneState> {
  return await cloneState(new Git(ctx, dir));
}

/** Whether this clone lacks history, so that `git subtree` by hand fails or, worse, splits wrongly. */
export async function isShallow(git: Git): Promise<boolean> {
  return (await git.text(["rev-parse", "--is-shallow-repository"])) === "true";
}

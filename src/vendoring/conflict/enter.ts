import { FlowError } from "../../core/errors.ts";
import type { Git } from "../../core/git/index.ts";
import { keepBytes } from "../bytes.ts";
import { commitImport, type PreparedImport } from "../import.ts";
import { checkoutMark } from "../journal.ts";
import { committedManifest } from "../manifest.ts";
import type { IndexStage, MergedTree } from "../merge.ts";
import { refuseIfInTheWay } from "../publish.ts";
import { beginMerge, listFiles, saveIndex, writePending, type PendingConflict } from "./state.ts";

/**
 * Lays an import with conflicts into the index and the work tree, as `git merge` does, and throws. HEAD stays.
 * The caller holds the mirror's lock; a crash on the way is taken back by the next command.
 * @throws FlowError FLOW_VENDOR_CONFLICT naming the files, FLOW_VENDOR_DIRTY when local changes are in the way
 */
export async function enterConflict(
  git: Git,
  { prepared, trees }: { prepared: PreparedImport; trees: ReadonlyMap<string, MergedTree> },
): Promise<never> {
  const { head: from } = prepared;
  const { head: shown } = await commitImport(git, { prepared, trees });
  const files = [...trees.values()].flatMap(({ conflicts }) => conflicts);
  await refuseIfInTheWay(git, from, shown);
  const kept = [...trees].map(([prefix, { tree, patched }]) => [prefix, { tree, patched }] as const);
  const pending: PendingConflict = {
    stage: "entering",
    from,
    shown,
    files,
    prepared,
    trees: Object.fromEntries(kept),
  };
  await saveIndex(git);
  await writePending(git, pending);
  await keepBytes(git, await committedManifest(git, shown));
  await git.run(["read-tree", "-m", "-u", from, shown], { env: { [checkoutMark]: shown } });
  await unmerge(
    git,
    [...trees.values()].flatMap(({ stages }) => stages),
  );
  await beginMerge(git, pending);
  await writePending(git, { ...pending, stage: "waiting" });
  throw new FlowError("FLOW_VENDOR_CONFLICT", `patches of ours and upstream contradict in:\n${listFiles(files)}`, {
    hint: `resolve them in ${git.dir} (git add FILE, or git rm FILE), then: flow vendor continue. flow vendor abort takes the update back`,
    details: { files },
  });
}

/** git-update-index(1), `--index-info`: the stages of a conflict instead of one entry. */
async function unmerge(git: Git, stages: readonly IndexStage[]): Promise<void> {
  const paths = [...new Set(stages.map(({ path }) => path))];
  const lines = [
    ...paths.map((path) => `0 ${"0".repeat(40)}\t${path}\0`),
    ...stages.map(({ path, mode, hash, stage }) => `${mode} ${hash} ${stage}\t${path}\0`),
  ];
  await git.run(["update-index", "-z", "--index-info"], { input: lines.join("") });
}

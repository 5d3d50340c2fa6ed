import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { showPath } from "../../core/bytes.ts";
import { FlowError } from "../../core/errors.ts";
import { removeTree } from "../../core/files.ts";
import { type Git, identityEnvironment } from "../../core/git/index.ts";
import { formatJson } from "../../core/json.ts";
import { formatManifest, manifestFile, parseManifest } from "../manifest.ts";
import { mergeModFiles, mergeSumFiles } from "../go/merge.ts";
import { mergeModules, modulesFile } from "../git/submodules.ts";
import { mergeMaps } from "../merge-maps.ts";

/** Files of the mirror's own, which are merged entry by entry, so that two people's additions never conflict. */
export const ownFiles: readonly string[] = [
  manifestFile,
  "package.json",
  "package-lock.json",
  "go.mod",
  "go.sum",
  modulesFile,
];

/**
 * A merge of two heads of the mirror.
 * @param base what both began with; git's own merge base without it. It need not be an ancestor of either
 * @throws FlowError FLOW_VENDOR_CONFLICT naming the files that both changed
 */
export async function mergeHeads(
  git: Git,
  { ours, theirs, base }: { ours: string; theirs: string; base: string | undefined },
): Promise<string> {
  const identity = await identityEnvironment(git);
  const [left, right] = base === undefined ? [ours, theirs] : await standOn(git, base, [ours, theirs]);
  const merged = await git.run(
    ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", left as string, right as string],
    { okCodes: [0, 1] },
  );
  const [tree = "", ...listed] = merged.stdout.split("\0");
  const conflicts = merged.exitCode === 1 ? [...new Set(listed.filter(Boolean))] : [];
  const others = conflicts.filter((file) => !ownFiles.includes(file));
  if (others.length > 0) {
    throw new FlowError(
      "FLOW_VENDOR_CONFLICT",
      `yours and theirs changed the same files:\n${others.map((file) => `  ${showPath(file)}`).join("\n")}`,
      {
        hint: `nothing was changed. Merge by hand: git -C ${git.dir} merge ${theirs}`,
        details: { files: others },
      },
    );
  }
  const common = base ?? (await git.text(["merge-base", ours, theirs], { okCodes: [0, 1] }));
  const final = await withOwnFiles(git, tree.trim(), { common, ours, theirs });
  const message = "Merge the mirror's remote";
  return await git.text(["commit-tree", final, "-p", ours, "-p", theirs, "-m", message], { env: identity });
}

/** Commits with the same trees whose parent is `base`: `merge-tree` takes its merge base from history. */
async function standOn(git: Git, base: string, commits: readonly string[]): Promise<string[]> {
  const env = await identityEnvironment(git);
  const root = await git.text(["commit-tree", `${base}^{tree}`, "-m", "base"], { env });
  const made: string[] = [];
  for (const commit of commits) {
    made.push(await git.text(["commit-tree", `${commit}^{tree}`, "-p", root, "-m", "side"], { env }));
  }
  return made;
}

async function withOwnFiles(
  git: Git,
  tree: string,
  { common, ours, theirs }: { common: string; ours: string; theirs: string },
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "flow-merge-"));
  const env = { GIT_INDEX_FILE: join(directory, "index") };
  try {
    await git.run(["read-tree", tree], { env });
    for (const file of ownFiles) {
      const read = async (commit: string) => {
        const shown = await git.run(["show", `${commit}:${file}`], { okCodes: [0, 128] });
        return shown.exitCode === 0 ? shown.stdout : undefined;
      };
      const [before, mine, other] = [
        common === "" ? undefined : await read(common),
        await read(ours),
        await read(theirs),
      ];
      if (mine === undefined || other === undefined) continue;
      const text = mergeOwn(file, before ?? "", { ours: mine, theirs: other });
      const blob = await git.text(["hash-object", "-w", "--stdin"], { input: text });
      await git.run(["update-index", "--add", "--cacheinfo", `100644,${blob},${file}`], { env });
    }
    return await git.text(["write-tree"], { env });
  } finally {
    await removeTree(directory);
  }
}

function mergeOwn(file: string, base: string, { ours, theirs }: { ours: string; theirs: string }): string {
  if (file === "go.mod") return mergeModFiles(base, ours, theirs);
  if (file === "go.sum") return mergeSumFiles(base, ours, theirs);
  if (file === modulesFile) return mergeModules(base, ours, theirs);
  const value = mergeMaps(base === "" ? {} : JSON.parse(base), JSON.parse(ours), JSON.parse(theirs));
  return file === manifestFile ? formatManifest(parseManifest(JSON.stringify(value))) : formatJson(value);
}

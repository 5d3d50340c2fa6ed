import { FlowError } from "../core/errors.ts";
import type { Git } from "../core/git/index.ts";
import type { Incoming } from "./types.ts";

const megabyte = 1024 ** 2;
const defaultLimit = 95 * megabyte;

/** @throws FlowError FLOW_VENDOR_FILE_TOO_LARGE naming each file that a forge would refuse, and the choices */
export async function refuseLargeFiles(
  git: Git,
  incoming: readonly Incoming[],
  limit: number = defaultLimit,
): Promise<void> {
  const large: string[] = [];
  for (const { prefix, content } of incoming) {
    const sizes =
      "files" in content
        ? content.files.map(({ path, data }) => ({ path, bytes: data.length }))
        : await sizesAt(git, content.commit);
    for (const { path, bytes } of sizes)
      if (bytes > limit) large.push(`${prefix}/${path} (${Math.ceil(bytes / megabyte)} MB)`);
  }
  if (large.length === 0) return;
  throw new FlowError(
    "FLOW_VENDOR_FILE_TOO_LARGE",
    `too large for the mirror:\n${large.map((file) => `  ${file}`).join("\n")}`,
    {
      hint: "forges refuse files over 100 MB. Choose a version or a package without it; or, when your mirror's remote takes it, allow it: --max-file-size MB",
      details: { files: large },
    },
  );
}

async function sizesAt(git: Git, commit: string): Promise<{ path: string; bytes: number }[]> {
  const listing = (await git.bytes(["ls-tree", "-r", "-l", "-z", commit])).toString("utf8");
  return listing
    .split("\0")
    .filter(Boolean)
    .map((line) => {
      const tab = line.indexOf("\t");
      return { path: line.slice(tab + 1), bytes: Number(line.slice(0, tab).trim().split(/\s+/)[3]) };
    })
    .filter(({ bytes }) => Number.isFinite(bytes));
}

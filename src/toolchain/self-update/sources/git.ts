import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FlowContext } from "../../../core/context.ts";
import { FlowError, isFlowError } from "../../../core/errors.ts";
import { removeTree } from "../../../core/files.ts";
import { Git } from "../../../core/git/index.ts";
import { networkTimeoutMs } from "../../../core/network-timeout.ts";
import { exportTrees } from "../../export-trees.ts";
import { newest } from "./newest.ts";
import type { FindRelease } from "./source.ts";

/** Releases as tags `v<version>` of a git repository, each holding the package at its top. @throws FlowError FLOW_VENDOR_FETCH */
export async function gitReleases(ctx: FlowContext, url: string): Promise<FindRelease> {
  if (url.startsWith("-") || /^[a-z]+::/i.test(url))
    throw new FlowError("FLOW_CONFIG_INVALID", `update.git: "${url}" is no git URL`);
  const idleTimeoutMs = networkTimeoutMs(ctx);
  const here = new Git(ctx, ctx.cwd);
  const listed = await here
    .run(["ls-remote", "--tags", "--refs", "--", url, "v*"], { idleTimeoutMs })
    .catch(unreachable);
  const versions = [...listed.stdout.matchAll(/\trefs\/tags\/v(\S+)$/gm)].map(([, version]) => version as string);
  return async (wanted) => {
    const version = newest(versions, wanted);
    if (version === undefined) return { release: undefined, others: versions };
    const fill = async (directory: string) => {
      const temporary = await mkdtemp(join(tmpdir(), "flow-update-"));
      try {
        const git = new Git(ctx, temporary);
        await git.run(["init", "--quiet"]);
        const tag = `refs/tags/v${version}`;
        await git
          .run(["fetch", "--quiet", "--depth=1", "--no-tags", "--", url, `${tag}:${tag}`], { idleTimeoutMs })
          .catch(unreachable);
        await exportTrees(git, [{ tree: `${tag}^{tree}`, place: "" }], directory);
      } finally {
        await removeTree(temporary);
      }
    };
    return { release: { version, from: url, fill }, others: versions };
  };
}

function unreachable(error: unknown): never {
  if (!isFlowError(error, "FLOW_GIT_FAILED")) throw error;
  throw new FlowError("FLOW_VENDOR_FETCH", "the repository of releases is out of reach", {
    cause: error.cause,
    hint: 'check the network, your access, and "update: { git: … }" in flow.yaml',
  });
}

import { chmod, mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { Git } from "../../core/git/index.ts";
import { openMirror } from "../../vendoring/index.ts";
import { runsOnNode } from "./mirror.ts";
import type { Candidate, ToolRequest } from "./source.ts";

/**
 * One file of the mirror as it is committed there: a script with its `#!` line.
 * @throws FlowError FLOW_TOOL_UNAVAILABLE
 */
export async function fileCandidate(ctx: FlowContext, { name, tool, workspace }: ToolRequest): Promise<Candidate> {
  const path = tool.file ?? "";
  const { dir, manifest } = await openMirror(ctx, workspace.paths.mirror);
  const git = new Git(ctx, dir);
  const listed = await git.text(["--literal-pathspecs", "ls-tree", "HEAD", "--", path]);
  const blob = /^100\d{3} blob (\S+)\t/.exec(listed)?.[1];
  if (blob === undefined) {
    throw new FlowError("FLOW_TOOL_UNAVAILABLE", `the mirror holds no file ${path}, which ${name} is`, {
      hint: "flow vendor list shows what it holds; flow vendor add brings more",
    });
  }
  const prefix = Object.keys(manifest.prefixes).find((place) => path.startsWith(`${place}/`));
  const entry = prefix === undefined ? undefined : manifest.prefixes[prefix];
  // A file of the mirror's own has no version but its content.
  const version = (entry?.version ?? entry?.ref ?? blob.slice(0, 12)).replaceAll("/", "-");
  const program = join("bin", basename(path));
  return {
    version,
    source: "mirror",
    identity: `blob:${blob}`,
    fill: async (staging) => {
      const target = join(staging, program);
      await mkdir(join(staging, "bin"));
      await writeFile(target, await git.bytes(["cat-file", "blob", blob]));
      await chmod(target, 0o755);
      return { identity: `blob:${blob}`, program, node: await runsOnNode(target) };
    },
  };
}

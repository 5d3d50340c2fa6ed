import { readlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Candidate, ToolRequest } from "./source.ts";

/**
 * A program of flow itself, such as its generator: always that of the flow beside it in the generation, whatever the
 * mirror holds by now. Undefined in a generation without a flow.
 */
export async function ownCandidate(
  { tool, name, workspace }: ToolRequest,
  generation: string,
): Promise<Candidate | undefined> {
  const link = await readlink(join(generation, "flow")).catch(() => undefined);
  if (tool.npm !== "goflow" || link === undefined) return undefined;
  const version = basename(link);
  const target = join(workspace.paths.flow, version, tool.bin ?? join("dist", "cli", "entries", `${name}.js`));
  const identity = `flow:${version}`;
  return {
    version,
    source: "flow",
    identity,
    fill: async (staging) => {
      await writeFile(join(staging, "program.mjs"), `import ${JSON.stringify(pathToFileURL(target).href)};\n`);
      return { identity, program: "program.mjs", node: true };
    },
  };
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import { editYaml, type Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { step } from "../core/events.ts";
import { removeTree } from "../core/files.ts";
import { withLock } from "../core/lock.ts";
import { dropDeadLinks, listGenerations } from "./generation/index.ts";
import { dropFromToolLock } from "./lock-file.ts";
import { selectTools } from "./pins.ts";

export interface RemovedTool {
  name: string;
  /** What went, or would go: paths, and entries of flow.yaml and tools-lock.json. */
  removed: string[];
}

/**
 * Takes tools out of flow.yaml, tools-lock.json, `bin/` and `pkg/`; nothing of them stays, in earlier generations
 * neither. Packages that they came from stay in the mirror.
 * @throws FlowError FLOW_TOOL_UNKNOWN, FLOW_CONFIG_INVALID for one that another file than flow.yaml defines
 */
export async function removeTools(
  ctx: FlowContext,
  workspace: Workspace,
  { names, dryRun = false }: { names: readonly string[]; dryRun?: boolean },
): Promise<RemovedTool[]> {
  const { paths } = workspace;
  const selected = selectTools(workspace, names);
  for (const [name] of selected) refuseOverlay(workspace, name);
  const generations = await listGenerations(paths);
  const result = selected.map(([name]) => {
    const shims = generations.map(({ dir }) => join(dir, "bin", name));
    const files = [...shims, join(paths.bin, name), join(paths.tools, name)].filter((path) => existsSync(path));
    return { name, removed: [`tools.${name} of ${paths.file}`, ...files] };
  });
  if (dryRun) return result;
  await withLock(ctx, join(paths.tools, ".lock"), { purpose: "removing tools" }, async () => {
    for (const [name] of selected) {
      await step(ctx, { id: `tool.${name}`, title: `Removing ${name}` }, async () => {
        // First the wish: whatever is cut off afterwards is garbage, and never brought back.
        await editYaml(paths.file, (document) => void document.deleteIn(["tools", name]));
        await dropFromToolLock(paths, name);
        for (const { dir } of generations) await removeTree(join(dir, "bin", name));
        await dropDeadLinks(paths);
        await removeTree(join(paths.tools, name));
      });
    }
  });
  return result;
}

function refuseOverlay({ origins, paths }: Workspace, name: string): void {
  const origin = [...origins].find(([key]) => key === `tools.${name}` || key.startsWith(`tools.${name}.`))?.[1];
  if (origin === undefined || origin === paths.file) return;
  throw new FlowError("FLOW_CONFIG_INVALID", `${name} is defined in ${origin}, not in ${paths.file}`, {
    hint: `take it out there by hand, then run flow tool gc`,
  });
}

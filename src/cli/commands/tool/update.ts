import type { Workspace } from "../../../config/index.ts";
import { defineCommand, type CliContext } from "../../command.ts";
import { refreshAfter, vendorTarget } from "../vendor/target.ts";

export const command = defineCommand({
  name: "tool update",
  summary: "move tools to newer versions",
  examples: [
    { command: "flow tool update buf", explanation: "to what its range allows, in the mirror and in bin/" },
    { command: "flow tool update grpcurl --to 1.9.3", explanation: "exactly there, older or newer" },
    { command: "flow tool update --dry-run", explanation: "what would move" },
  ],
  arguments: [{ syntax: "[name...]", description: "tools of flow.yaml (default: all)" }],
  options: [{ flags: "--to <version>", description: "the version that one tool shall have" }],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { loadWorkspace } = await import("../../../config/index.ts");
    const { installTools, moveTools, planMoves } = await import("../../../toolchain/index.ts");
    const workspace = await loadWorkspace(ctx);
    const names = (args.name as string[] | undefined) ?? [];
    const to = typeof options.to === "string" ? options.to : undefined;
    const moves = planMoves(workspace, names, { to, modules: await heldModulePaths(ctx, workspace) });
    const plan = [
      ...[...moves.mirror].map(([name, move]) => `${name}: move ${move.name} in the mirror, and install it`),
      ...[...moves.pinned].map(([name, version]) => `${name}: install ${version}, and pin it in flow.yaml`),
    ];
    if (options.dryRun === true) return { tools: [], plan };
    if (moves.mirror.size > 0) {
      const { addSources, updatePrefixes } = await import("../../../vendoring/index.ts");
      const target = await vendorTarget(ctx, {});
      const moving = [...moves.mirror.values()];
      const specs = moving.flatMap(({ spec }) => spec ?? []);
      const following = moving.flatMap(({ name, spec }) => (spec === undefined ? [name] : []));
      if (specs.length > 0) await addSources(ctx, target.dir, specs, target.options);
      if (following.length > 0) await updatePrefixes(ctx, target.dir, following, target.options);
      await refreshAfter(ctx, target);
    }
    const unpinned = [...moves.mirror.keys()].filter((name) => !moves.pinned.has(name));
    const moved = unpinned.length === 0 ? [] : await installTools(ctx, workspace, unpinned);
    const pinned = moves.pinned.size === 0 ? [] : await moveTools(ctx, workspace, moves);
    return { tools: [...moved, ...pinned], plan: [] };
  },
  render: ({ tools, plan }) => {
    if (plan.length > 0) return plan.join("\n");
    if (tools.length === 0) return "There is nothing to move.";
    return tools.map(({ name, version, changed }) => `${name} ${version}${changed ? "" : ", as before"}`).join("\n");
  },
});

/** Go modules that the workspace's mirror holds. */
async function heldModulePaths(ctx: CliContext, { definition, paths }: Workspace): Promise<string[]> {
  if (!Object.values(definition.tools ?? {}).some(({ go }) => go !== undefined)) return [];
  const { heldModules, openMirror } = await import("../../../vendoring/index.ts");
  return (await heldModules(ctx, await openMirror(ctx, paths.mirror))).map(({ module }) => module);
}

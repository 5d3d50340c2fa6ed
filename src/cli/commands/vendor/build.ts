import { FlowError } from "../../../core/errors.ts";
import { defineCommand } from "../../command.ts";
import { columns } from "./render.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor build",
  summary: "build the packages whose scripts flow.yaml allows, without network",
  examples: [
    {
      command: "flow vendor build",
      explanation: "what vendor.installScripts and vendor.build name and is not built yet",
    },
    { command: "flow vendor build --force", explanation: "all of it anew" },
  ],
  options: [{ flags: "--force", description: "also what is built already" }],
  mutates: true,
  run: async (ctx, { options }) => {
    const { dir, workspace } = await vendorTarget(ctx);
    if (workspace === undefined) {
      throw new FlowError("FLOW_NOT_A_WORKSPACE", "builds lie in a workspace's pkg/builds, and this is none", {
        hint: "run it inside a workspace: flow bootstrap makes one",
      });
    }
    const { buildPackages, openMirror } = await import("../../../vendoring/index.ts");
    const { buildPlace, refreshWorkspace } = await import("../../../workspace/index.ts");
    const dryRun = options.dryRun === true;
    const mirror = await openMirror(ctx, dir);
    const place = buildPlace(ctx, workspace);
    const packages = await buildPackages(ctx, mirror, { place, force: options.force === true, dryRun });
    if (!dryRun) await refreshWorkspace(ctx, workspace);
    return { packages, dryRun };
  },
  render: ({ packages, dryRun }) => {
    if (packages.length === 0)
      return "Nothing is to be built: vendor.installScripts and vendor.build in flow.yaml name nothing.";
    const rows = packages.map(({ name, built, changed }) => [name, stateOf({ built, changed, dryRun })]);
    return [columns(rows), ...(dryRun ? ["", "Nothing was changed (--dry-run)."] : [])].join("\n");
  },
});

function stateOf({ built, changed, dryRun }: { built: boolean; changed: boolean; dryRun: boolean }): string {
  if (!changed) return "is there already";
  const verb = built ? "built" : "copied, because it depends on one that is built";
  return dryRun ? `would be ${verb}` : verb;
}

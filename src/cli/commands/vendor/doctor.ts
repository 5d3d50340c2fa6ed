import type { Detached, RebuildResult, RepairResult } from "../../../vendoring/index.ts";
import { exitCodes } from "../../../core/error-codes.ts";
import { FlowError } from "../../../core/errors.ts";
import { defineCommand } from "../../command.ts";
import { vendorTarget } from "./target.ts";

type Answer =
  | { kind: "examination"; detached: Detached[] }
  | ({ kind: "rebuild" } & RebuildResult)
  | ({ kind: "repair"; dryRun: boolean } & RepairResult);

export const command = defineCommand<Answer>({
  name: "vendor doctor",
  summary: "examine the mirror's history, rebuild its manifest, or repair what a forge did",
  examples: [
    { command: "flow vendor doctor", explanation: "which prefixes git subtree by hand would stumble over" },
    { command: "flow vendor doctor --repair", explanation: "after a forge squashed or rebased a pull request" },
    { command: "flow vendor doctor --rebuild", explanation: "when vendor-manifest.json is lost or broken" },
  ],
  options: [
    { flags: "--rebuild", description: "write vendor-manifest.json anew from history, and commit it" },
    { flags: "--repair", description: "merge the squashes that a forge left out, so that git subtree works by hand" },
  ],
  mutates: true,
  run: async (ctx, { options }) => {
    const { examineMirror, openMirror, rebuildMirror, repairMirror } = await import("../../../vendoring/index.ts");
    const { dir } = await vendorTarget(ctx);
    const dryRun = options.dryRun === true;
    if (options.rebuild === true && options.repair === true) {
      throw new FlowError("FLOW_USAGE", "--rebuild and --repair are two steps", {
        hint: "first --rebuild, then --repair",
      });
    }
    if (options.rebuild === true) return { kind: "rebuild", ...(await rebuildMirror(ctx, dir, { dryRun })) };
    if (options.repair === true) return { kind: "repair", dryRun, ...(await repairMirror(ctx, dir, { dryRun })) };
    return { kind: "examination", detached: await examineMirror(ctx, await openMirror(ctx, dir)) };
  },
  render: (answer) => {
    if (answer.kind === "examination") {
      if (answer.detached.length === 0)
        return "git subtree by hand finds every squash. flow vendor verify checks the files.";
      return [...answer.detached.map(lineOf), "", "flow vendor doctor --repair brings the squashes back."].join("\n");
    }
    if (answer.kind === "rebuild") {
      const { prefixes, changed } = answer;
      return changed
        ? `The manifest was rebuilt: ${prefixes} prefixes.`
        : `The manifest is right: ${prefixes} prefixes.`;
    }
    const { repaired, left, dryRun } = answer;
    return [
      repaired.length === 0
        ? "Nothing is to be repaired."
        : `${dryRun ? "Would be repaired" : "Repaired"}: ${repaired.map(({ prefix }) => prefix).join(", ")}. Push it past a squash: a forge that squashes again takes it away again.`,
      ...left.map(
        ({ prefix, commit }) =>
          `${prefix} cannot be: upstream's commit ${commit} is not here. git fetch URL ${commit}, and run this again; flow vendor update ${prefix} does as well.`,
      ),
    ].join("\n");
  },
  exitCode: (answer) => {
    const open = answer.kind === "examination" ? answer.detached : answer.kind === "repair" ? answer.left : [];
    return open.length === 0 ? exitCodes.ok : exitCodes.failure;
  },
});

function lineOf({ prefix, mistaken }: Detached): string {
  return mistaken === undefined
    ? `${prefix}: its squash is not in this branch's history: git subtree pull by hand says "never added"`
    : `${prefix}: git subtree by hand takes ${mistaken.slice(0, 9)}, a forge's commit, for its squash: a pull would merge the whole mirror`;
}

import { exitCodes } from "../../../core/error-codes.ts";
import { defineCommand } from "../../command.ts";
import { renderClone } from "./render.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor verify",
  summary: "check every file of the mirror against what was recorded",
  examples: [
    {
      command: "flow vendor verify",
      explanation: "exits with 1 when a file is neither upstream's nor a committed patch",
    },
    { command: "flow vendor verify --json", explanation: "the problems, by prefix" },
  ],
  run: async (ctx) => {
    const { describeClone, openMirror, verifyMirror } = await import("../../../vendoring/index.ts");
    const mirror = await openMirror(ctx, (await vendorTarget(ctx)).dir);
    const clone = await describeClone(ctx, mirror);
    return { mirror: mirror.dir, clone, ...(await verifyMirror(ctx, mirror)) };
  },
  render: ({ prefixes, problems, unchecked, clone }) =>
    problems.length === 0
      ? [
          `${prefixes.length} prefixes are what was recorded, ${prefixes.filter(({ patched }) => patched).length} of them with patches.`,
          ...(unchecked.length === 0
            ? []
            : [
                `Of ${unchecked.length} the squash is not in this clone: only their trees were compared with the record.`,
              ]),
          ...renderClone(clone, prefixes),
        ].join("\n")
      : problems.map(({ prefix, problem }) => `${prefix}: ${problem}`).join("\n"),
  exitCode: ({ problems }) => (problems.length === 0 ? exitCodes.ok : exitCodes.failure),
});

import { exitCodes } from "../../../core/error-codes.ts";
import { defineCommand } from "../../command.ts";
import { columns } from "./render.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor licenses",
  summary: "report the licences of what the mirror holds, and check them",
  examples: [
    { command: "flow vendor licenses", explanation: "every licence with how much is under it" },
    {
      command: "flow vendor licenses --check",
      explanation: "exits with 1 for one that vendor.licenses in flow.yaml does not let pass, or none",
    },
  ],
  options: [{ flags: "--check", description: "hold them against allow, deny and accept in flow.yaml" }],
  run: async (ctx, { options }) => {
    const { openMirror, reportLicences } = await import("../../../vendoring/index.ts");
    const { dir, definition } = await vendorTarget(ctx);
    const mirror = await openMirror(ctx, dir);
    const report = reportLicences(mirror, definition.licenses);
    return { mirror: mirror.dir, ...report, checked: options.check === true };
  },
  render: ({ licences, problems, checked }) =>
    [
      ...(licences.length === 0 ? ["The mirror holds nothing yet."] : []),
      columns(licences.map(({ licence, prefixes }) => [licence, String(prefixes.length), examplesOf(prefixes)])),
      ...(checked && licences.length > 0
        ? ["", ...(problems.length === 0 ? ["All of them may be used."] : problems.map(lineOf))]
        : []),
    ].join("\n"),
  exitCode: ({ problems, checked }) => (checked && problems.length > 0 ? exitCodes.failure : exitCodes.ok),
});

function examplesOf(prefixes: readonly string[]): string {
  const shown = prefixes.slice(0, 3).map((prefix) => prefix.split("node_modules/").at(-1));
  return [...shown, ...(prefixes.length > 3 ? ["…"] : [])].join(", ");
}

function lineOf({ prefix, licence, problem }: { prefix: string; licence: string; problem: string }): string {
  return `${prefix}: ${licence}: ${problem}`;
}

import { relative } from "node:path";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "gen",
  summary: "generate code from protos, and by the generators of flow.yaml",
  examples: [
    { command: "flow gen", explanation: "after a change to a proto; what is unchanged is left alone" },
    { command: "flow gen --dry-run", explanation: "what it would write" },
    { command: "flow gen --json", explanation: "what was written and removed, and which RPCs have no code yet" },
  ],
  mutates: true,
  run: async (ctx, { options }) => {
    const { findTarget, generate } = await import("../../../codegen/index.ts");
    const dryRun = options.dryRun === true;
    return { ...(await generate(ctx, await findTarget(ctx), { dryRun })), dryRun };
  },
  render: ({ changed, written, removed, missing, obsolete, generators, dryRun }, ctx) => {
    const path = (absolute: string) => relative(ctx.cwd, absolute) || absolute;
    const ran = generators.filter((generator) => generator.ran);
    if (dryRun) {
      const plan = [
        ...ran.map(({ repository, name }) => `run      ${name} of ${repository}`),
        ...written.map((file) => `write    ${path(file)}`),
        ...removed.map((file) => `remove   ${path(file)}`),
      ];
      return plan.length === 0
        ? "Everything is up to date."
        : [...plan, "", "Nothing was changed (--dry-run)."].join("\n");
    }
    const lines = [
      changed
        ? `${count(written.length, "file")} written, ${removed.length} removed`
        : ran.length === 0
          ? "Everything is up to date."
          : `${count(ran.length, "generator")} ran.`,
    ];
    if (missing.length > 0) {
      lines.push("", "RPCs without code; flow new rpc lays it out:");
      lines.push(...missing.map((report) => `  flow new rpc ${report.method}`));
    }
    if (obsolete.length > 0) {
      lines.push("", "Code whose RPC is gone; delete it, or bring the RPC back:");
      lines.push(...obsolete.map((report) => `  ${report.method}  ${path(report.path)}`));
    }
    return lines.join("\n");
  },
});

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

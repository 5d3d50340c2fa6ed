import { exitCodes } from "../../core/error-codes.ts";
import { defineCommand } from "../command.ts";
import { paint } from "../ui/event-lines.ts";

export const command = defineCommand({
  name: "doctor",
  summary: "check this machine and this workspace",
  examples: [
    { command: "flow doctor", explanation: "what is wrong, and what to do about it" },
    { command: "flow doctor --json", explanation: "each check with its status, fix and duration" },
  ],
  run: async (ctx) => {
    const { diagnose } = await import("../doctor/index.ts");
    return { checks: await diagnose(ctx) };
  },
  render: ({ checks }, ctx) => {
    const marks = {
      ok: paint("green", "✓", ctx.streams.stdoutColour),
      warning: paint("yellow", "!", ctx.streams.stdoutColour),
      problem: paint("red", "✗", ctx.streams.stdoutColour),
    };
    const lines = checks.flatMap(({ title, status, detail, fix }) => [
      `${marks[status]} ${title}: ${detail}`,
      ...(status === "ok" || fix === undefined ? [] : fix.split("\n").map((line) => `    ${line}`)),
    ]);
    const problems = checks.filter(({ status }) => status === "problem").length;
    return [
      ...lines,
      "",
      problems === 0 ? "No problem found." : `${problems} problem${problems === 1 ? "" : "s"} found.`,
    ].join("\n");
  },
  exitCode: ({ checks }) => (checks.some(({ status }) => status === "problem") ? exitCodes.failure : exitCodes.ok),
});

import { errorCodes, exitCodes } from "../../core/error-codes.ts";
import { FlowError } from "../../core/errors.ts";
import { nearest } from "../../core/suggest.ts";
import { defineCommand } from "../command.ts";
import { formatGroupHelp, formatRootHelp } from "../help.ts";

const meanings: Record<keyof typeof exitCodes, string> = {
  ok: "it worked",
  failure: "it failed",
  usage: "the command line is wrong",
  configuration: "a configuration file is wrong or missing",
  conflict: "a conflict has to be resolved by hand",
  unavailable: "something was out of reach: the network, a registry, Consul, a service",
  timeout: "it took too long",
  interrupted: "ended by Ctrl-C",
  terminated: "ended by SIGTERM",
};

export const command = defineCommand({
  name: "help",
  summary: "explain a command or a topic",
  examples: [
    { command: "flow help vendor", explanation: "the verbs of a noun" },
    { command: "flow help exit-codes", explanation: "what the exit codes mean" },
    { command: "flow help errors", explanation: "every error code and its exit code" },
  ],
  arguments: [{ syntax: "[topic...]", description: "a command, exit-codes or errors" }],
  json: false,
  run: async (ctx, { args }) => {
    const { commands } = await import("./index.ts");
    const topic = ((args.topic as string[] | undefined) ?? []).join(" ");
    if (topic === "") return formatRootHelp(commands, ctx.streams);
    if (topic === "exit-codes") return exitCodeTable();
    if (topic === "errors") return errorTable();
    if (commands.some(({ name }) => name.startsWith(`${topic} `))) return formatGroupHelp(topic, commands, ctx.streams);
    if (commands.some(({ name }) => name === topic)) {
      const { main } = await import("../program.ts");
      await main([...topic.split(" "), "--help"], ctx.installation.root);
      return "";
    }
    const names = [...commands.map(({ name }) => name), "exit-codes", "errors"];
    const suggestion = nearest(topic, names);
    throw new FlowError("FLOW_USAGE", `there is no command or topic "${topic}"`, {
      hint: suggestion === undefined ? "flow help lists them" : `did you mean "flow help ${suggestion}"?`,
    });
  },
  render: (text) => text,
});

function exitCodeTable(): string {
  const rows = Object.entries(exitCodes).map(
    ([name, code]) => `  ${String(code).padStart(3)}   ${meanings[name as keyof typeof exitCodes]}`,
  );
  return `${rows.join("\n")}\n\n  A program that flow runs passes its own exit code on; one that a signal ended gives 128 plus the signal's number.\n`;
}

function errorTable(): string {
  const width = Math.max(...Object.keys(errorCodes).map((code) => code.length));
  return `${Object.entries(errorCodes)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([code, exit]) => `  ${code.padEnd(width)}   exit ${exit}`)
    .join("\n")}\n`;
}

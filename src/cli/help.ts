import type { Command, Help } from "commander";
import { commandGroups, type CommandDefinition, type CommandEntry } from "./command.ts";
import { paint } from "./ui/event-lines.ts";
import type { Streams } from "./ui/streams.ts";

/** Help of `flow` itself: commands by group, then how to learn more. */
export function formatRootHelp(commands: readonly CommandEntry[], streams: Streams): string {
  const heading = (text: string) => paint("bold", text, streams.stdoutColour);
  const shown = commands.filter((entry) => entry.hidden !== true);
  const groups = commandGroups
    .map((group) => ({ group, entries: shown.filter((entry) => entry.group === group) }))
    .filter(({ entries }) => entries.length > 0)
    .map(({ group, entries }) => [heading(group), ...rows(entries)].join("\n"));
  return [
    "From an empty machine to a running fleet of gRPC services.",
    `${heading("Usage")}\n  flow COMMAND [OPTIONS]`,
    ...groups,
    `${heading("More")}\n  flow COMMAND --help     examples and options of a command\n  flow help exit-codes    what the exit codes mean\n  flow --version          the version\n`,
  ].join("\n\n");
}

/** Help of a noun: its verbs. */
export function formatGroupHelp(noun: string, commands: readonly CommandEntry[], streams: Streams): string {
  const verbs = commands.filter((entry) => entry.name.startsWith(`${noun} `) && entry.hidden !== true);
  const heading = (text: string) => paint("bold", text, streams.stdoutColour);
  return `${heading("Usage")}\n  flow ${noun} VERB [OPTIONS]\n\n${heading("Verbs")}\n${rows(verbs).join("\n")}\n\n  flow ${noun} VERB --help    examples and options of a verb\n`;
}

/** Help of a verb: real examples first, then arguments and options. */
export function formatVerbHelp(
  definition: CommandDefinition<unknown>,
  { command, helper, streams }: { command: Command; helper: Help; streams: Streams },
): string {
  const heading = (text: string) => paint("bold", text, streams.stdoutColour);
  const usage = [
    "flow",
    definition.name,
    ...(definition.arguments ?? []).map(({ syntax }) => syntax),
    "[options]",
  ].join(" ");
  const sections = [
    sentence(definition.summary),
    `${heading("Examples")}\n${definition.examples.map((example) => `  ${paint("dim", `# ${example.explanation}`, streams.stdoutColour)}\n  ${example.command}`).join("\n")}`,
    `${heading("Usage")}\n  ${usage}`,
  ];
  if ((definition.arguments ?? []).length > 0) {
    sections.push(
      `${heading("Arguments")}\n${table((definition.arguments ?? []).map(({ syntax, description }) => [syntax, description]))}`,
    );
  }
  const options = helper
    .visibleOptions(command)
    .map((option): [string, string] => [helper.optionTerm(option), helper.optionDescription(option)]);
  sections.push(`${heading("Options")}\n${table(options)}`);
  return `${sections.join("\n\n")}\n`;
}

function rows(entries: readonly CommandEntry[]): string[] {
  return table(entries.map(({ name, summary }) => [name, summary])).split("\n");
}

function table(lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([left]) => left.length));
  return lines.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`.trimEnd()).join("\n");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

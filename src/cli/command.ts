import type { FlowContext } from "../core/context.ts";
import type { Streams } from "./ui/streams.ts";

/** What a command may know beyond a feature: the streams of this terminal and how it shall answer. */
export interface CliContext extends FlowContext {
  readonly streams: Streams;
  /** Whether `--json` was given: nothing but the answer may reach stdout. */
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

export interface OptionSpec {
  /** In commander's notation: `-d, --detach`, `--org <name>`, `--platform <name...>`. */
  flags: string;
  description: string;
  default?: string | boolean | readonly string[];
  choices?: readonly string[];
  /** May be given several times; its value is the list. */
  repeatable?: boolean;
}

export interface Example {
  command: string;
  explanation: string;
}

export interface Invocation {
  /** Positional arguments by their name in `arguments`; a variadic one is an array. */
  args: Record<string, string | string[] | undefined>;
  /** Options by their camel-cased long name. */
  options: Record<string, string | boolean | string[] | undefined>;
}

/**
 * One verb. `run` does the work and returns what it found; the frame prints it: as JSON with `--json`,
 * else by `render`. A command whose `run` returns an async iterable is a stream: NDJSON, or `render` per item.
 */
export interface CommandDefinition<R = unknown> {
  /** Full name: `vendor add`. */
  name: string;
  summary: string;
  /** Two or three real uses, shown first in its help. */
  examples: readonly Example[];
  /** In commander's notation: `<spec...>`, `[service]`. */
  arguments?: readonly { syntax: string; description: string }[];
  options?: readonly OptionSpec[];
  /** Offers `--json`. Default true. */
  json?: boolean;
  /** Changes something: offers `--dry-run`, given to `run` as `options.dryRun`. */
  mutates?: boolean;
  /** Destroys something: offers `--yes`. */
  destroys?: boolean;
  /** Passes everything after the first argument on unparsed (`flow exec`, `flow script`). */
  passThrough?: boolean;
  run(ctx: CliContext, invocation: Invocation): Promise<R>;
  render?(result: R extends AsyncIterable<infer Item> ? Item : R, ctx: CliContext): string;
  /** Exit code of a run that did not throw, default 0. */
  exitCode?(result: R): number;
}

/** Keeps the type of `run`'s result for `render`. */
export function defineCommand<R>(definition: CommandDefinition<R>): CommandDefinition<R> {
  return definition;
}

/** A row of the command table (`load` gives its CommandDefinition, whatever its result): enough for help and completion without loading the verb. */
export interface CommandEntry {
  name: string;
  summary: string;
  group: CommandGroup;
  hidden?: boolean;
  load(): Promise<{ readonly command: unknown }>;
}

export const commandGroups = [
  "Start here",
  "Dependencies and tools",
  "Write services",
  "Run them",
  "Workspace",
  "flow itself",
] as const;
export type CommandGroup = (typeof commandGroups)[number];

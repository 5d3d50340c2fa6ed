import { Command, CommanderError, Option, type OutputConfiguration } from "commander";
import { describeInstallation } from "../core/installation.ts";
import { exitCodes } from "../core/error-codes.ts";
import { FlowError } from "../core/errors.ts";
import type { PinnedFlow } from "../core/pinned-flow.ts";
import type { CliContext, CommandDefinition, CommandEntry, Invocation } from "./command.ts";
import { commands } from "./commands/index.ts";
import { createContext, type GlobalOptions } from "./context.ts";
import { formatGroupHelp, formatRootHelp, formatVerbHelp } from "./help.ts";
import { printError } from "./ui/print-error.ts";
import { printResult } from "./ui/print-result.ts";
import { processStreams, type Streams } from "./ui/streams.ts";
import { exitFor, interruptSignals } from "./exit.ts";
import { usageError } from "./usage-error.ts";

/** What runs although the workspace pins another flow that is not there: it brings that, or touches nothing. */
const withoutPinned = ["self-update", "doctor", "help", "version", "completion", "completion-words"];

/**
 * Parses and runs one command line; the resolved number is the exit code. Never throws.
 * @param missing the version that the workspace pins, when it is not installed
 */
export async function main(argv: readonly string[], root: string, missing?: PinnedFlow): Promise<number> {
  const streams = processStreams(process.env);
  ignoreClosedPipes(streams);
  const interrupt = interruptSignals();
  let context: CliContext | undefined;
  try {
    const entry = findEntry(argv);
    const program = await buildProgram(
      entry,
      { streams, write: (text) => streams.stdout.write(text) },
      async (definition, invocation, globals) => {
        if (missing !== undefined && !withoutPinned.includes(definition.name)) throw notInstalled(missing);
        context = await createContext({
          streams,
          globals,
          env: process.env,
          cwd: process.cwd(),
          signal: interrupt.signal,
          installation: describeInstallation(root, process.execPath),
        });
        return await execute(definition, invocation, context);
      },
    );
    await program.parseAsync([...argv], { from: "user" });
    return exitCode(program);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    const failure = error instanceof CommanderError ? usageError(error, commandWords(argv)) : error;
    await printError(failure, {
      streams,
      json: argv.includes("--json"),
      verbose: argv.includes("--verbose"),
      env: process.env,
    });
    return exitFor(failure, interrupt);
  } finally {
    interrupt.dispose();
  }
}

function notInstalled({ version, home }: PinnedFlow): FlowError {
  return new FlowError("FLOW_VERSION_PINNED", `the workspace ${home} pins flow ${version}, which is not installed`, {
    hint: "flow self-update brings it",
  });
}

const results = new WeakMap<Command, number>();

function exitCode(program: Command): number {
  return results.get(program) ?? exitCodes.ok;
}

type Execute = (
  definition: CommandDefinition<unknown>,
  invocation: Invocation,
  globals: GlobalOptions,
) => Promise<number>;

interface Output {
  streams: Streams;
  write(text: string): void;
}

/** The command of the table that `argv` names: its longest match, options aside. */
function findEntry(argv: readonly string[]): CommandEntry | undefined {
  const words = argv.filter((word) => !word.startsWith("-"));
  return (
    commands.find(({ name }) => name.includes(" ") && name === words.slice(0, 2).join(" ")) ??
    commands.find(({ name }) => name === words[0])
  );
}

async function buildProgram(entry: CommandEntry | undefined, output: Output, execute: Execute): Promise<Command> {
  const program = new Command("flow")
    .exitOverride()
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureOutput(parserOutput(output))
    .configureHelp({ formatHelp: () => formatRootHelp(commands, output.streams) })
    .helpCommand(false)
    .version("", "-V, --version", "print the version")
    .action((_options: unknown, command: Command) => {
      const [unknown] = command.args;
      if (unknown === undefined) output.write(formatRootHelp(commands, output.streams));
      else (command as unknown as { unknownCommand(): void }).unknownCommand();
    })
    .allowExcessArguments();
  const nouns = new Map<string, Command>();
  for (const row of commands) {
    const [noun, verb] = row.name.split(" ") as [string, string | undefined];
    if (verb === undefined) {
      program.addCommand(await buildVerb(row, { loaded: row === entry, output, program, execute }), {
        hidden: row.hidden ?? false,
      });
      continue;
    }
    let parent = nouns.get(noun);
    if (parent === undefined) {
      parent = program.command(noun).exitOverride().showSuggestionAfterError().helpCommand(false);
      const nounCommand = parent;
      nounCommand
        .configureHelp({ formatHelp: () => formatGroupHelp(noun, commands, output.streams) })
        .allowExcessArguments()
        .action(() => {
          if (nounCommand.args.length === 0) output.write(formatGroupHelp(noun, commands, output.streams));
          else (nounCommand as unknown as { unknownCommand(): void }).unknownCommand();
        });
      nouns.set(noun, parent);
    }
    parent.addCommand(await buildVerb(row, { loaded: row === entry, output, program, execute }));
  }
  return program;
}

interface Build {
  /** Only the verb that runs is loaded; the others are names for suggestions. */
  loaded: boolean;
  output: Output;
  program: Command;
  execute: Execute;
}

async function buildVerb(row: CommandEntry, { loaded, output, program, execute }: Build): Promise<Command> {
  const verb = new Command(row.name.split(" ").at(-1)).exitOverride().summary(row.summary).showSuggestionAfterError();
  verb.configureOutput(parserOutput(output));
  if (!loaded) return verb;
  const definition = (await row.load()).command as CommandDefinition;
  verb.configureHelp({
    formatHelp: (command, helper) => formatVerbHelp(definition, { command, helper, streams: output.streams }),
  });
  for (const { syntax, description } of definition.arguments ?? []) verb.argument(syntax, description);
  for (const { flags, description, default: value, choices, repeatable } of definition.options ?? []) {
    const option = new Option(flags, description);
    if (value !== undefined) option.default(value);
    if (choices !== undefined) option.choices(choices);
    if (repeatable === true) option.argParser<string[]>((next, list) => [...(list ?? []), next]);
    verb.addOption(option);
  }
  if (definition.mutates === true) verb.option("--dry-run", "print what would be done, and do nothing");
  if (definition.destroys === true) verb.option("-y, --yes", "do not ask");
  if (definition.json !== false) verb.option("--json", "print one JSON document (NDJSON for a stream) on stdout");
  verb.option("-q, --quiet", "print errors only").option("--verbose", "print what is done in detail");
  if (definition.passThrough === true) verb.passThroughOptions();
  verb.action(async () => {
    const names = verb.registeredArguments.map((argument) => argument.name());
    const args = Object.fromEntries(
      names.map((name, index) => [name, verb.processedArgs[index] as string | string[] | undefined]),
    );
    const { json, quiet, verbose, yes, ...options } =
      verb.opts<Record<string, string | boolean | string[] | undefined>>();
    const globals = { json: json === true, quiet: quiet === true, verbose: verbose === true, yes: yes === true };
    results.set(program, await execute(definition, { args, options }, globals));
  });
  return verb;
}

async function execute(
  definition: CommandDefinition<unknown>,
  invocation: Invocation,
  ctx: CliContext,
): Promise<number> {
  const finish = (ctx as CliContext & { finish?: () => void }).finish;
  try {
    const result = await definition.run(ctx, invocation);
    finish?.();
    await printResult(definition, result, ctx);
    return definition.exitCode?.(result) ?? exitCodes.ok;
  } finally {
    finish?.();
  }
}

/** Help goes out; complaints are not printed where they arise, but with all other errors. */
function parserOutput(output: Output): OutputConfiguration {
  return { writeOut: output.write, writeErr: (text) => output.streams.stderr.write(text), outputError: () => {} };
}

/** The command, or the noun, that a command line names. */
function commandWords(argv: readonly string[]): string[] {
  const entry = findEntry(argv);
  if (entry !== undefined) return entry.name.split(" ");
  const noun = argv.find((word) => !word.startsWith("-"));
  return commands.some(({ name }) => name.startsWith(`${noun} `)) ? [noun as string] : [];
}

/** `flow logs | head` ends quietly when head does. */
function ignoreClosedPipes(streams: Streams): void {
  for (const stream of [streams.stdout, streams.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(exitCodes.ok);
      // The terminal was closed: SIGHUP says so too, and what it means is up to the command.
      if (error.code === "EIO") return;
      throw new FlowError("FLOW_COMMAND_FAILED", "the output could not be written", { cause: error });
    });
  }
}

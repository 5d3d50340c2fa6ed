import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { styleText } from "node:util";
import { isFlowError, messageOf, type FlowError } from "../../core/errors.ts";
import { cacheDirectory } from "../../core/paths.ts";
import { redact } from "../../core/redact.ts";
import type { Streams } from "./streams.ts";

interface PrintOptions {
  streams: Streams;
  json: boolean;
  verbose: boolean;
  env: NodeJS.ProcessEnv;
}

/** Message, cause, blank line, hint; with `--json` one JSON document on stderr. What is not a FlowError is a bug: it is said so, with the path of its log. */
export async function printError(error: unknown, options: PrintOptions): Promise<void> {
  const { streams, json, env } = options;
  const text = !isFlowError(error) ? describeBug(error, env, streams) : json ? asJson(error) : describe(error, options);
  await new Promise<void>((resolve) => streams.stderr.write(text, () => resolve()));
}

function asJson(error: FlowError): string {
  const { code, message, hint = null, exitCode, details = {} } = error;
  return `${JSON.stringify({ error: { code, message, causes: causes(error), hint, exitCode, details } })}\n`;
}

function describe(error: FlowError, { streams, verbose }: PrintOptions): string {
  const red = (text: string) =>
    streams.stderrColour ? styleText(["red", "bold"], text, { validateStream: false }) : text;
  const dim = (text: string) => (streams.stderrColour ? styleText("dim", text, { validateStream: false }) : text);
  const lines = [`${red("error:")} ${error.message} ${dim(`[${error.code}]`)}`];
  for (const cause of causes(error)) lines.push(...cause.split("\n").map((line) => `  ${line}`));
  if (error.hint !== undefined) lines.push("", `hint: ${error.hint}`);
  if (verbose && error.stack !== undefined) lines.push("", dim(redact(error.stack)));
  return `${lines.join("\n")}\n`;
}

function causes(error: Error): string[] {
  const found: string[] = [];
  for (
    let cause: unknown = error.cause;
    cause !== undefined && found.length < 5;
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    const text = messageOf(cause).trim();
    if (text !== "" && !error.message.includes(text) && !found.includes(text)) found.push(text);
  }
  return found;
}

function describeBug(error: unknown, env: NodeJS.ProcessEnv, streams: Streams): string {
  const stack = redact(error instanceof Error ? (error.stack ?? error.message) : String(error));
  const path = join(cacheDirectory(env), "logs", `bug-${new Date().toISOString().replaceAll(":", "-")}.log`);
  let where = "";
  try {
    mkdirSync(join(cacheDirectory(env), "logs"), { recursive: true });
    writeFileSync(path, `${stack}\n`);
    where = `Its details are in ${path}`;
  } catch {
    where = stack;
  }
  const label = streams.stderrColour ? styleText(["red", "bold"], "bug:", { validateStream: false }) : "bug:";
  return `${label} ${messageOf(error)}\n  This is a fault of flow itself. ${where}\n`;
}

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { messageOf } from "../../core/errors.ts";
import { sendSignal } from "../../core/proc.ts";
import { redact } from "../../core/redact.ts";
import type { ProcessPlan, SecretSource } from "../types.ts";

/** A password manager may ask a person to touch a key. */
const timeoutMs = 60_000;
/** Shorter values are words that any line may hold. */
const leastMasked = 4;
const mask = "***";

/** A secret that could not be had; the message names the variable and never a value. */
export class SecretError extends Error {
  override name = "SecretError";
}

/** Reads the secrets of services. Those who want the same one at the same moment share the reading. */
export class SecretReader {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #underWay = new Map<string, Promise<string>>();

  /** `env`: what programs that give secrets run with; a password manager needs its own session in it. */
  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** The variables of a plan's secrets. @throws SecretError, or the reason of `signal` */
  async read({ secrets = {} }: ProcessPlan, signal: AbortSignal): Promise<Record<string, string>> {
    const values = await Promise.all(
      Object.entries(secrets).map(async ([name, source]) => {
        try {
          return [name, await this.#value(source, signal)] as const;
        } catch (error) {
          signal.throwIfAborted();
          throw new SecretError(`secret ${name}: ${messageOf(error)}`, { cause: error });
        }
      }),
    );
    return Object.fromEntries(values);
  }

  async #value(source: SecretSource, signal: AbortSignal): Promise<string> {
    const key = JSON.stringify(source);
    const reading =
      this.#underWay.get(key) ??
      ("file" in source ? readFile(source.file, "utf8") : this.#print(source, signal)).finally(() =>
        this.#underWay.delete(key),
      );
    this.#underWay.set(key, reading);
    const value = (await reading).replace(/\r?\n$/, "");
    if (value === "") throw new Error(`${nameOf(source)} gave nothing`);
    return value;
  }

  async #print(source: Extract<SecretSource, { argv: unknown }>, signal: AbortSignal): Promise<string> {
    const [file, ...args] = source.argv;
    // A group of its own, so that what a shell started ends with it.
    const child = spawn(file, args, {
      cwd: source.directory,
      env: this.#env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const end = () => child.pid !== undefined && sendSignal(-child.pid, "SIGKILL");
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeoutMs);
    signal.addEventListener("abort", end, { once: true });
    const exit = new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.once("error", reject).once("close", (code, killedBy) => resolve(code ?? killedBy ?? 0));
    });
    try {
      const [value, said, how] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
      if (isLate) throw new Error(`${nameOf(source)} did not end within ${timeoutMs / 1_000} s`);
      if (how === 0) return value;
      const lastLine = said.trimEnd().split("\n").at(-1) ?? "";
      throw new Error(`${nameOf(source)} exited with ${how}${lastLine === "" ? "" : `: ${redact(lastLine)}`}`);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    }
  }
}

function nameOf(source: SecretSource): string {
  return "file" in source ? source.file : redact(source.argv.join(" ").replace(/^\/bin\/sh -c /, ""));
}

/** A function that takes these values out of a line; those of several lines line by line. */
export function maskOf(values: readonly string[]): (line: string) => string {
  const parts = values
    .flatMap((value) => value.split(/\r?\n/))
    .filter(({ length }) => length >= leastMasked)
    // One may hold another: the longer goes first.
    .sort((a, b) => b.length - a.length);
  return (line) => parts.reduce((masked, part) => masked.replaceAll(part, mask), line);
}

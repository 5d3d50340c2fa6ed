import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Load, LoadResult } from "./load.ts";
import type { Answer } from "./program.ts";

/** How a peer's program is started; its role and port follow. */
export interface Program {
  argv: readonly [string, ...string[]];
  env?: Record<string, string>;
}

export interface Measured extends LoadResult {
  /** CPU time of the server for it. */
  serverCpuMs: number;
}

/** A client and a server, each a process of its own, that stay for all rounds. */
export interface Pair {
  load(what: Load): Promise<Measured>;
  stop(): void;
}

export async function startPair(program: Program): Promise<Pair> {
  const server = await startSide(program, ["server"]);
  const client = await startSide(program, ["client", server.said]);
  return {
    load: async (what) => {
      const before = await server.ask({});
      const { load } = await client.ask(what);
      const after = await server.ask({});
      return { ...(load as LoadResult), serverCpuMs: after.cpuMs - before.cpuMs };
    },
    stop: () => {
      client.process.stdin?.end();
      server.process.stdin?.end();
    },
  };
}

interface Side {
  process: ChildProcess;
  /** Its first line. */
  said: string;
  ask(what: object): Promise<Answer>;
}

async function startSide({ argv, env }: Program, role: readonly string[]): Promise<Side> {
  const [file, ...args] = argv;
  const process = spawn(file, [...args, ...role], { env: env ?? {}, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${[...argv, ...role].join(" ")} ended`);
    return value;
  };
  return {
    process,
    // A log line of the server may come first.
    said: await firstNumber(line),
    ask: async (what) => {
      process.stdin.write(`${JSON.stringify(what)}\n`);
      return JSON.parse(await line()) as Answer;
    },
  };
}

async function firstNumber(line: () => Promise<string>): Promise<string> {
  for (;;) {
    const text = await line();
    if (/^\d+$/.test(text)) return text;
  }
}

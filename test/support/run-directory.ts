import { execa } from "execa";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { poll } from "../../src/core/retry.ts";
import type { RunDocument, ServiceStatus } from "../../src/runner/index.ts";
import { checkoutRoot } from "./context.ts";
import { processesMentioning } from "./processes.ts";
import { freshMachine } from "./shared-cache.ts";
import { tempDirectory } from "./temp.ts";

export interface FlowResult {
  stdout: string;
  stderr: string;
  exitCode: number | undefined;
}

/** A `flow` that goes on while the test does something else. */
export interface RunningFlow {
  pid: number;
  /** Everything it has said so far, on both its streams. */
  said(): string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  ended: Promise<FlowResult>;
}

/** A plain directory with a flow.yaml, and `bin/flow` in it as a person uses it. */
export interface RunDirectory {
  dir: string;
  flow(...args: string[]): Promise<FlowResult>;
  /** Like `flow`, but in the background. */
  start(...args: string[]): RunningFlow;
  write(path: string, text: string): Promise<void>;
  document(): Promise<RunDocument>;
  service(name: string): Promise<ServiceStatus>;
  /** Waits until a service's status passes `test`. */
  until(name: string, test: (status: ServiceStatus) => boolean): Promise<ServiceStatus>;
  /** Command lines of everything that runs here. */
  alive(): string[];
  env: Record<string, string>;
}

export interface RunDirectoryOptions {
  files?: Record<string, string>;
  env?: Record<string, string>;
}

/** How long a busy machine may take for anything. */
export const patienceMs = 30_000;

/** Makes the directory; when the test is over, nothing of it is left, whatever went wrong. */
export async function runDirectory(
  yaml: string,
  { files = {}, env = {} }: RunDirectoryOptions = {},
): Promise<RunDirectory> {
  const root = await tempDirectory("flow-run");
  const dir = join(root, "project");
  await mkdir(dir);
  const environment = freshMachine(join(root, "home"), env);
  await mkdir(environment.HOME as string);
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  };
  for (const [path, text] of Object.entries({ "flow.yaml": yaml, ...files })) await write(path, text);

  const launch = (args: readonly string[]) =>
    execa(join(checkoutRoot, "bin/flow"), args, {
      cwd: dir,
      env: environment,
      extendEnv: false,
      reject: false,
      stdin: "ignore",
      all: true,
    });
  const alive = () => processesMentioning(dir);
  const document = async () => JSON.parse((await launch(["ps", "--json"])).stdout) as RunDocument;
  const service = async (name: string) => {
    const status = (await document()).services.find((one) => one.name === name);
    if (status === undefined) throw new Error(`there is no service ${name}`);
    return status;
  };
  onTestFinished(async () => {
    if (alive().length > 0) await launch(["stop", "--kill"]);
    for (const line of alive()) killed(Number.parseInt(line, 10));
  });
  return {
    dir,
    env: environment,
    write,
    alive,
    document,
    service,
    flow: async (...args) => result(await launch(args)),
    start: (...args) => background(launch(args)),
    until: async (name, test) => {
      let last: ServiceStatus | undefined;
      const found = await poll(
        async () => {
          last = await service(name);
          return test(last) ? last : undefined;
        },
        { timeoutMs: patienceMs, everyMs: 50 },
      );
      if (found === undefined) throw new Error(`it never came to that: ${JSON.stringify(last)}`);
      return found;
    },
  };
}

/** Whether nothing mentions the directory any more, within `timeoutMs`. @returns what is left */
export async function leftAfter(run: RunDirectory, timeoutMs: number): Promise<string[]> {
  await poll(() => run.alive().length === 0, { timeoutMs, everyMs: 20 });
  return run.alive();
}

interface Child extends Promise<Partial<FlowResult>> {
  all: Readable;
  pid?: number;
  kill(signal: NodeJS.Signals): boolean;
}

function background(child: Child): RunningFlow {
  let said = "";
  child.all.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return {
    pid: child.pid as number,
    said: () => said,
    kill: (signal) => void child.kill(signal),
    ended: child.then(result),
  };
}

function result({ stdout = "", stderr = "", exitCode }: Partial<FlowResult>): FlowResult {
  return { stdout, stderr, exitCode };
}

function killed(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

/** A program that opens its port after `afterMs`, answers every request with its environment, and stops when asked to. */
export const serverProgram = `
import { createServer } from "node:http";
const server = createServer((request, response) => response.end(JSON.stringify(process.env)));
setTimeout(() => server.listen(Number(process.env.PORT), "127.0.0.1"), Number(process.argv[2] ?? 0));
process.on("SIGTERM", () => process.exit(0));
`;

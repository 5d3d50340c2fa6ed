import { spawn, type ChildProcess } from "node:child_process";
import { statSync } from "node:fs";
import { messageOf, systemCode } from "../../core/errors.ts";
import type { ProcessPlan } from "../types.ts";
import { programMark, runMark, type Clan } from "./census.ts";
import { describeExit, type Exit } from "./exit.ts";
import type { OutputPipe } from "./output-pipe.ts";

/** One start of a program, in a process group of its own. */
export interface Program extends Clan {
  readonly pid: number;
  readonly startedAt: Date;
  readonly exited: Promise<Exit>;
}

export interface LaunchOptions {
  runId: string;
  port: number | undefined;
  /** Values of the plan's secrets. */
  secrets: Readonly<Record<string, string>>;
  /** Its id in Consul; undefined when it has none. */
  instance: string | undefined;
  output: OutputPipe;
}

/** Starts a program. Gives the exit that stands for it when it cannot be started. */
export async function launch(plan: ProcessPlan, options: LaunchOptions): Promise<Program | Exit> {
  const { runId, port, secrets, instance, output } = options;
  const mark = `${runId}.${plan.name}`;
  const [file, ...args] = plan.argv.map((word) => word.replaceAll("{port}", String(port ?? 0)));
  let child: ChildProcess;
  try {
    child = output.lend((stdout, stderr) =>
      spawn(file as string, args, {
        cwd: plan.directory,
        // A group of its own: what it starts is ended with it, and a Ctrl-C on the terminal reaches flow alone.
        detached: true,
        stdio: ["ignore", stdout, stderr],
        env: {
          ...plan.env,
          ...secrets,
          [runMark]: runId,
          [programMark]: mark,
          ...(port === undefined ? {} : { FLOW_PORT: String(port), PORT: String(port) }),
          ...(instance === undefined ? {} : { FLOW_INSTANCE: instance }),
        },
      }),
    );
  } catch (error) {
    return { code: 126, how: `could not be started: ${messageOf(error)}` };
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => resolve(describeExit(code, signal)));
    child.once("error", (error) => resolve(cannotStart(plan, error)));
  });
  const { pid } = child;
  return pid === undefined ? await exited : { pid, group: pid, mark, startedAt: new Date(), exited };
}

/** A missing directory and a missing program give the same error: which one it is has to be looked up. */
function cannotStart({ argv, directory }: ProcessPlan, error: Error): Exit {
  if (systemCode(error) !== "ENOENT") return { code: 126, how: `could not be started: ${messageOf(error)}` };
  const isDirectory = statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
  const what = isDirectory ? `${argv[0]}: command not found` : `its directory ${directory} does not exist`;
  return { code: 127, how: `could not be started: ${what}` };
}

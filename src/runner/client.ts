import { request, type IncomingMessage } from "node:http";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { readJson } from "../core/json.ts";
import { isRunning } from "../core/proc.ts";
import { poll } from "../core/retry.ts";
import { suggest } from "../core/suggest.ts";
import { findHome, runPaths } from "./home.ts";
import { runFilePath, type RunFile } from "./supervisor/run-file.ts";
import type { ProcessPlan, RunDocument, RunEvent, ServiceStatus } from "./types.ts";

/** A run that goes on, seen from outside its supervisor. */
export interface RunClient {
  readonly id: string;
  readonly supervisorPid: number;
  /** With `look` everything that is ready is looked at once more, which takes up to 4 s when something hangs. */
  state(options?: { look?: boolean }): Promise<RunDocument>;
  /** How things are, and then every change. With `own` the run ends when the iteration does. */
  events(options?: { own?: boolean; signal?: AbortSignal }): AsyncIterable<RunEvent>;
  /** Stops everything; resolves with the run's exit code when nothing of it is left. */
  stop(options?: { kill?: boolean }): Promise<{ exitCode: number }>;
  /** Resolves when the service has stopped, is ready, or is known not to become so. @throws FlowError FLOW_RUN_NO_SERVICE, FLOW_RUN_STOPPING */
  control(service: string, verb: "start" | "stop" | "kill"): Promise<ServiceStatus>;
  /** Like `control`; with a plan the service comes back as that says. */
  restart(service: string, plan?: ProcessPlan): Promise<ServiceStatus>;
}

/** How long the supervisor may take to leave when all is stopped. */
const leavingMs = 2_000;
/** How long it may take to say how things are. What it is asked to do takes as long as it takes. */
const readingMs = 10_000;

/** The run of a home; undefined when none goes on, whatever a killed supervisor left behind. */
export async function connectRunAt(home: string): Promise<RunClient | undefined> {
  const file = (await readJson(runFilePath(runPaths(home).run)).catch(() => undefined)) as RunFile | undefined;
  if (file?.supervisor === undefined || !isRunning(file.supervisor)) return undefined;
  return createClient(file);
}

/** The run around `ctx.cwd`; undefined when none goes on. */
export async function connectRun(ctx: FlowContext): Promise<RunClient | undefined> {
  const home = await findHome(ctx);
  return home === undefined ? undefined : await connectRunAt(home);
}

/** @throws FlowError FLOW_RUN_NONE when nothing runs here */
export async function requireRun(ctx: FlowContext): Promise<RunClient> {
  const client = await connectRun(ctx);
  if (client === undefined)
    throw new FlowError("FLOW_RUN_NONE", "nothing runs here", { hint: "start it: flow run -d" });
  return client;
}

/** Talks to the run at a control socket. */
export function createClient({ id, socket, supervisor }: Omit<RunFile, "startedAt">): RunClient {
  const call = async (method: "GET" | "POST", path: string, body?: object) => {
    try {
      return await exchange(socket, `${method} ${path}`, body);
    } catch (error) {
      throw new FlowError("FLOW_RUN_UNREACHABLE", "the supervisor does not answer", {
        cause: error,
        hint: `if it hangs, end it with kill -9 ${supervisor.pid}: everything that it started ends with it`,
      });
    }
  };
  const ask = async (service: string, verb: "start" | "stop" | "restart" | "kill", plan?: ProcessPlan) => {
    const path = verb === "kill" ? "stop?kill=1" : verb;
    const { status, body } = await call("POST", `/services/${encodeURIComponent(service)}/${path}`, plan);
    if (status === 404) {
      const { services = [] } = body as { services?: string[] };
      throw new FlowError("FLOW_RUN_NO_SERVICE", `there is no service "${service}" in this run`, {
        hint: suggest(service, services, { plural: "services" }),
      });
    }
    if (status !== 200)
      throw new FlowError("FLOW_RUN_STOPPING", `${service} cannot be asked to ${verb}: the run is being stopped`);
    return body as ServiceStatus;
  };
  return {
    id,
    supervisorPid: supervisor.pid,
    state: async ({ look = false } = {}) => (await call("GET", `/state${look ? "?look=1" : ""}`)).body as RunDocument,
    stop: async (options = {}) => {
      const { body } = await call("POST", `/stop${options.kill === true ? "?kill=1" : ""}`);
      await poll(() => !isRunning(supervisor), { timeoutMs: leavingMs, everyMs: 5 });
      return body as { exitCode: number };
    },
    control: (service, verb) => ask(service, verb),
    restart: (service, plan) => ask(service, "restart", plan),
    events: (options = {}) => events(socket, options),
  };
}

/** `route` is a method and a path. */
function exchange(socketPath: string, route: string, body?: object): Promise<{ status: number; body: unknown }> {
  const [method, path] = route.split(" ");
  return new Promise((resolve, reject) => {
    const timeout = method === "GET" ? readingMs : 0;
    const call = request({ socketPath, method, path, timeout }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          body: JSON.parse(Buffer.concat(chunks).toString("utf8") || "null") as unknown,
        }),
      );
    });
    call.on("timeout", () => call.destroy(new Error(`no word from it for ${readingMs / 1_000} s`)));
    call.on("error", reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function* events(
  socketPath: string,
  { own = false, signal }: { own?: boolean; signal?: AbortSignal },
): AsyncGenerator<RunEvent, void, undefined> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const path = own ? "/events?own=1" : "/events";
    const call = request({ socketPath, path, ...(signal === undefined ? {} : { signal }) }, resolve);
    call.on("error", reject);
    call.end();
  });
  let rest = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line) as RunEvent;
    }
  } finally {
    response.destroy();
  }
}

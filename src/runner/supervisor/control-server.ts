import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { text } from "node:stream/consumers";
import { isFlowError, messageOf } from "../../core/errors.ts";
import type { ProcessPlan, RunEvent } from "../types.ts";
import type { Supervisor } from "./supervisor.ts";

export interface ControlServer {
  /** Whether the terminal that owns the run has come for it. */
  readonly wasOwned: boolean;
  /** Resolves when somebody came who learns how the run ends. */
  readonly visited: Promise<void>;
  /** Resolves when everybody has gone. */
  close(): Promise<void>;
}

/** Bytes that may wait for a client that does not read before it is cut off: it can come back for the state. */
const mostWaiting = 4 * 1024 ** 2;

/** The control interface: HTTP and JSON over a Unix socket that only its owner may use. */
export async function startControlServer(supervisor: Supervisor, onOwnerGone: () => void): Promise<ControlServer> {
  const { socket } = supervisor.plan;
  let wasOwned = false;
  const visited = Promise.withResolvers<void>();
  const owner: Owner = {
    came: () => {
      wasOwned = true;
    },
    left: onOwnerGone,
  };
  const server = createServer((request, response) => {
    if (request.method === "POST" || request.url?.startsWith("/events") === true) visited.resolve();
    void answer(supervisor, { request, response, owner }).catch((error: unknown) => {
      const status = isFlowError(error) ? 409 : 500;
      send(response, status, { error: messageOf(error), ...(isFlowError(error) ? { code: error.code } : {}) });
    });
  });
  mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
  rmSync(socket, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return {
    get wasOwned() {
      return wasOwned;
    },
    visited: visited.promise,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

interface Owner {
  came(): void;
  /** Went away while the run goes on. */
  left(): void;
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  owner: Owner;
}

async function answer(supervisor: Supervisor, { request, response, owner }: Exchange): Promise<void> {
  const url = new URL(request.url ?? "/", "http://flow");
  const route = `${request.method} ${url.pathname}`;
  if (route === "GET /state") {
    return send(response, 200, url.searchParams.get("look") === "1" ? await supervisor.look() : supervisor.document);
  }
  if (route === "GET /events")
    return stream(supervisor, response, url.searchParams.get("own") === "1" ? owner : undefined);
  if (route === "POST /stop") {
    await supervisor.stop({ kill: url.searchParams.get("kill") === "1" });
    return send(response, 200, { exitCode: supervisor.exitCode });
  }
  const [, name, verb] = /^\/services\/([^/]+)\/(start|stop|restart)$/.exec(url.pathname) ?? [];
  if (request.method !== "POST" || name === undefined) return send(response, 404, { error: `there is no ${route}` });
  const service = supervisor.find(decodeURIComponent(name));
  if (service === undefined) {
    const services = supervisor.document.services.map((status) => status.name);
    return send(response, 404, { error: `there is no service ${name}`, services });
  }
  const kill = url.searchParams.get("kill") === "1";
  if (verb === "start") await supervisor.startService(service);
  else if (verb === "stop") await supervisor.stopService(service, { kill });
  else await supervisor.restartService(service, (await readPlan(request)) ?? service.plan);
  return send(response, 200, service.status);
}

async function readPlan(request: IncomingMessage): Promise<ProcessPlan | undefined> {
  const body = await text(request);
  return body === "" ? undefined : (JSON.parse(body) as ProcessPlan);
}

/** Tells a client how things are, and then every change. */
function stream(supervisor: Supervisor, response: ServerResponse, owner: Owner | undefined): void {
  owner?.came();
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  const write = (event: RunEvent) => {
    if (response.writableLength > mostWaiting) return void response.destroy();
    response.write(`${JSON.stringify(event)}\n`);
    if (event.type === "run" && event.state === "stopped") response.end();
  };
  for (const { plan, state, reason, port, pid } of supervisor.services.values()) {
    write({ type: "state", service: plan.name, kind: plan.kind, state, reason, port, pid });
  }
  write(supervisor.stateEvent);
  const unsubscribe = supervisor.subscribe(write);
  response.once("close", () => {
    unsubscribe();
    if (owner !== undefined && supervisor.state !== "stopped") owner.left();
  });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return void response.end();
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

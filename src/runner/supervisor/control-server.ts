import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import type { RunEvent } from "../types.ts";
import type { Supervisor } from "./supervisor.ts";

/** Bytes that may wait for a slow client before its log lines are dropped and counted. */
const mostWaiting = 1024 ** 2;

/** The control interface: HTTP and JSON over a Unix socket that only its owner may use. */
export async function startControlServer(supervisor: Supervisor, onOwnerGone: () => void): Promise<Server> {
  const { socket } = supervisor.plan;
  const server = createServer((request, response) => {
    void answer(supervisor, { request, response, onOwnerGone }).catch((error: unknown) =>
      send(response, 500, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
  mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
  rmSync(socket, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return server;
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  onOwnerGone: () => void;
}

async function answer(supervisor: Supervisor, { request, response, onOwnerGone }: Exchange): Promise<void> {
  const url = new URL(request.url ?? "/", "http://flow");
  const route = `${request.method} ${url.pathname}`;
  if (route === "GET /state") return send(response, 200, supervisor.document);
  if (route === "GET /events")
    return stream(supervisor, {
      response,
      logs: url.searchParams.get("logs") === "1",
      owner: url.searchParams.get("own") === "1",
      onOwnerGone,
    });
  if (route === "POST /stop") {
    const kill = url.searchParams.get("kill") === "1";
    await supervisor.stop({ kill });
    return send(response, 200, { exitCode: supervisor.exitCode });
  }
  const [, name, verb] = /^\/services\/([^/]+)\/(start|stop|restart)$/.exec(url.pathname) ?? [];
  const service = name === undefined ? undefined : supervisor.find(decodeURIComponent(name));
  if (request.method === "POST" && verb !== undefined) {
    if (service === undefined)
      return send(response, 404, {
        error: `there is no service ${name}`,
        services: supervisor.document.services.map((status) => status.name),
      });
    if (verb === "start") await supervisor.startService(service);
    else if (verb === "stop") await supervisor.stopService(service);
    else await supervisor.restartService(service);
    return send(response, 200, service.status);
  }
  send(response, 404, { error: `there is no ${route}` });
}

interface StreamOptions {
  response: ServerResponse;
  logs: boolean;
  /** The run belongs to this client: when it goes without a word, the run ends. */
  owner: boolean;
  onOwnerGone: () => void;
}

function stream(supervisor: Supervisor, { response, logs, owner, onOwnerGone }: StreamOptions): void {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.flushHeaders();
  let dropped = 0;
  const write = (event: RunEvent) => {
    if (event.type === "log" && !logs) return;
    if (event.type === "log" && response.writableLength > mostWaiting) {
      dropped++;
      return;
    }
    if (dropped > 0 && response.writableLength <= mostWaiting) {
      response.write(`${JSON.stringify({ type: "dropped", lines: dropped } satisfies RunEvent)}\n`);
      dropped = 0;
    }
    response.write(`${JSON.stringify(event)}\n`);
    if (event.type === "run" && event.state === "stopped") response.end();
  };
  for (const { plan, state, reason, port, pid } of supervisor.services.values()) {
    write({ type: "state", service: plan.name, kind: plan.kind, state, reason, port: port ?? null, pid });
  }
  write({ type: "run", state: supervisor.state });
  const unsubscribe = supervisor.subscribe(write);
  response.once("close", () => {
    unsubscribe();
    if (owner && supervisor.state !== "stopped") onOwnerGone();
  });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return void response.end();
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

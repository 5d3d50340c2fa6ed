import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Consul } from "../../runtime/consul/index.ts";
import type { ReadyGate } from "../../config/index.ts";

export interface GateTarget {
  name: string;
  port: number | undefined;
  consulId: string | undefined;
  consul: Consul | undefined;
}

const lookMs = 2_000;
/** Programs that listen on `localhost` may mean either. */
const hosts = ["127.0.0.1", "::1"] as const;

/** One look at whether a service is ready. `log` and `completed` are events, not looks: a program that runs passes them. */
export async function looksReady(gate: ReadyGate, target: GateTarget): Promise<boolean> {
  const { port, consul, consulId, name } = target;
  if (gate.consul === true) {
    if (consul === undefined || consulId === undefined) return false;
    const instances = await consul.health(name, { passing: true }).catch(() => []);
    return instances.some(({ id }) => id === consulId);
  }
  const { http, grpc } = gate;
  if (gate.tcp === true) return await onEitherHost(port, accepts);
  if (http !== undefined) return await onEitherHost(port, (port, host) => answersHttp({ port, host, path: http }));
  if (grpc !== undefined) return port !== undefined && (await servesGrpc(port, grpc === true ? "" : grpc));
  return true;
}

/** Looks again and again, at most 100 ms apart, until the service is ready; rejects when `signal` is aborted. */
export async function waitUntilReady(gate: ReadyGate, target: GateTarget, signal: AbortSignal): Promise<void> {
  for (let pause = 5; !(await looksReady(gate, target)); pause = Math.min(100, pause * 1.5)) {
    await delay(pause, undefined, { signal });
  }
}

async function onEitherHost(
  port: number | undefined,
  look: (port: number, host: string) => Promise<boolean>,
): Promise<boolean> {
  if (port === undefined) return false;
  for (const host of hosts) if (await look(port, host)) return true;
  return false;
}

function accepts(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const answer = (ready: boolean) => () => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(lookMs, answer(false)).once("connect", answer(true)).once("error", answer(false));
  });
}

function answersHttp({ port, host, path }: { port: number; host: string; path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ port, host, path, agent: false, timeout: lookMs }, (response) => {
      response.resume();
      call.destroy();
      resolve((response.statusCode ?? 500) < 400);
    });
    call.once("timeout", () => call.destroy());
    call.once("error", () => resolve(false));
    call.once("close", () => resolve(false));
    call.end();
  });
}

/** grpc.health.v1.Health/Check by hand: one field each way, and the supervisor stays small. */
async function servesGrpc(port: number, service: string): Promise<boolean> {
  const { connect: connectHttp2 } = await import("node:http2");
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  return await new Promise((resolve) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const finish = (ready: boolean) => {
      clearTimeout(timer);
      session.destroy();
      resolve(ready);
    };
    const timer = setTimeout(() => finish(false), lookMs);
    session.once("error", () => finish(false));
    const call = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const chunks: Buffer[] = [];
    call.on("data", (chunk: Buffer) => chunks.push(chunk));
    call.once("error", () => finish(false));
    // Field 1 of HealthCheckResponse is the status, 1 is SERVING.
    const serving = Buffer.from([0x08, 0x01]);
    call.once("end", () => finish(Buffer.concat(chunks).subarray(5).equals(serving)));
    call.end(frame);
  });
}

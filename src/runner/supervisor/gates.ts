import { connect as connectHttp2 } from "node:http2";
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

/** One look at whether a service is ready. `log` and `completed` are events, not looks: they are never true here. */
export async function looksReady(gate: ReadyGate, target: GateTarget): Promise<boolean> {
  const { port, consul, consulId, name } = target;
  if (gate.started === true) return true;
  if (gate.consul === true) {
    if (consul === undefined || consulId === undefined) return false;
    const instances = await consul.health(name, { passing: true }).catch(() => []);
    return instances.some(({ id }) => id === consulId);
  }
  if (port === undefined) return false;
  if (gate.tcp === true) return await accepts(port);
  if (gate.http !== undefined) return await answersHttp(port, gate.http);
  if (gate.grpc !== undefined) return await servesGrpc(port, gate.grpc === true ? "" : gate.grpc);
  return false;
}

/** Looks again and again until the service is ready or `signal` is aborted. */
export async function waitUntilReady(gate: ReadyGate, target: GateTarget, signal: AbortSignal): Promise<void> {
  for (let pause = 10; ; pause = Math.min(100, pause * 1.5)) {
    if (await looksReady(gate, target)) return;
    await delay(pause, undefined, { signal });
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const answer = (ready: boolean) => () => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, answer(false)).once("connect", answer(true)).once("error", answer(false));
  });
}

async function answersHttp(port: number, path: string): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      redirect: "manual",
      signal: AbortSignal.timeout(2_000),
    });
    await response.body?.cancel();
    return response.status < 400;
  } catch {
    return false;
  }
}

/** grpc.health.v1.Health/Check by hand: one field each way, and the supervisor stays small. */
function servesGrpc(port: number, service: string): Promise<boolean> {
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  return new Promise((resolve) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const finish = (ready: boolean) => {
      clearTimeout(timer);
      session.destroy();
      resolve(ready);
    };
    const timer = setTimeout(() => finish(false), 2_000);
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
    call.once("end", () =>
      finish(
        Buffer.concat(chunks)
          .subarray(5)
          .equals(Buffer.from([0x08, 0x01])),
      ),
    );
    call.end(frame);
  });
}

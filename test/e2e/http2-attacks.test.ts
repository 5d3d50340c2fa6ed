import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { FrameType } from "../../src/http2/constants.ts";
import { ErrorCode, type Limits } from "../../src/http2/index.ts";
import { Code } from "../../src/runtime/index.ts";
import { selectTransport } from "../../src/runtime/internal/transport/index.ts";
import { attacks, paths, type Attack } from "../support/attacks.ts";
import type { Cost, Order } from "../support/attacked-server.ts";
import { checkoutRoot } from "../support/context.ts";
import { RawPeer } from "../support/http2-raw.ts";

/** The server may grow by so much, whatever comes, and spend so much on one attacker. */
const mostMiB = 64;
const mostCpuMs = 3_000;
const callsPerSecond = 200;

let child: ChildProcess;
let log = "";
const rows: Record<string, unknown>[] = [];

beforeAll(async () => {
  const program = join(checkoutRoot, "test/support/attacked-server.ts");
  child = fork(program, {
    execArgv: ["--expose-gc"],
    env: { ...process.env, FLOW_LOG_FORMAT: "json" },
    silent: true,
    serialization: "advanced",
  });
  child.stderr?.on("data", (chunk: Buffer) => (log += String(chunk)));
});
afterAll(async () => {
  child.disconnect();
  await once(child, "exit");
  console.table(rows);
});

async function ask<T>(order: Order): Promise<T> {
  child.send(order);
  return ((await once(child, "message")) as [T])[0];
}

/** Two callers that mean well, until told to stop: how many calls they made, and which of them failed. */
async function callers(port: number) {
  const connections = [1, 2].map(() => selectTransport("native").connect({ host: "127.0.0.1", port }));
  const calls: Promise<number>[] = [];
  const failed: string[] = [];
  const one = async () => {
    const connection = connections[calls.length % 2] as (typeof connections)[number];
    const start = performance.now();
    const method = { path: paths.echo, kind: "unary" } as const;
    const { code, message } = await connection.unary(method, [], Buffer.alloc(100), { deadline: Date.now() + 20_000 });
    if (code !== Code.Ok) failed.push(`${code} ${message}`);
    return performance.now() - start;
  };
  const timer = setInterval(() => calls.push(one()), 1_000 / callsPerSecond);
  // They are there before the attack begins.
  await expect.poll(() => calls.length).toBeGreaterThan(20);
  return {
    stop: async () => {
      clearInterval(timer);
      const times = (await Promise.all(calls)).sort((a, b) => a - b);
      for (const connection of connections) connection.close();
      return { failed, calls: times.length, p99: times[Math.floor(times.length * 0.99)] as number };
    },
  };
}

/** Streams that the server reset for their excess. */
const stopped = (peer: RawPeer) =>
  peer.frames.filter(
    ({ type, payload }) => type === FrameType.RstStream && payload.readUInt32BE(0) === ErrorCode.EnhanceYourCalm,
  ).length;

async function run(attack: Attack, limits: Partial<Limits>) {
  const port = await ask<number>({ listen: { ...attack.limits, ...limits } });
  const others = await callers(port);
  await ask({ measure: true });
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  const name = `127.0.0.1:${socket.localPort}`;
  const peer = new RawPeer(socket, { reads: attack.reads ?? true });
  if (attack.begins === undefined) peer.begin();
  else peer.send(attack.begins);
  for (let round = 0; round < attack.rounds && !socket.destroyed; round++) {
    attack.send(peer, round);
    if (attack.everyMs !== undefined) await delay(attack.everyMs);
    else if (round % 50 === 0) await new Promise(setImmediate);
  }
  return {
    peer,
    name,
    /** Whether the guard acted; waits for it unless it is off. */
    acted: async (wait: boolean) => {
      const now = () => (attack.stops === "streams" ? stopped(peer) > 0 : log.includes(`"peer":"${name}"`));
      if (wait) await expect.poll(now, { timeout: 20_000 }).toBe(true);
      // All that was sent has been read by then: others were answered after it.
      else for (let round = 0; round < 20 && !now(); round++) await delay(10);
      return now();
    },
    end: async () => {
      const cost = await ask<Cost>({ measured: true });
      return { cost, others: await others.stop() };
    },
  };
}

describe.each(Object.entries(attacks))("%s", (name, attack) => {
  test("is stopped, told why and logged; the server stays small, and the others lose nothing", async () => {
    const { peer, name: attacker, acted, end } = await run(attack, {});
    expect(await acted(true)).toBe(true);
    if (attack.stops !== "streams") {
      const line = log.split("\n").find((text) => text.includes(`"peer":"${attacker}"`)) as string;
      expect(JSON.parse(line)).toMatchObject({ level: "warn", reason: expect.stringMatching(/\w+ \w+/) });
      if (attack.reads !== false)
        expect(await peer.goAway()).toMatchObject({ code: attack.code ?? ErrorCode.EnhanceYourCalm });
    }
    const { cost, others } = await end();
    rows.push({
      attack: name,
      "MiB more": cost.mib.toFixed(1),
      "CPU ms": cost.cpuMs.toFixed(0),
      "calls of others": others.calls,
      "p99 ms": others.p99.toFixed(1),
    });
    expect(others.failed).toEqual([]);
    expect(cost.mib).toBeLessThan(mostMiB);
    expect(cost.cpuMs).toBeLessThan(mostCpuMs);
  });

  test("goes through when its guard is off", async () => {
    const { acted, end } = await run(attack, attack.off);
    expect(await acted(false)).toBe(false);
    await end();
  });
});
